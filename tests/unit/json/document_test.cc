#include "json/document.h"

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "support/catch.h"

namespace tp::json {
namespace {

std::vector<std::string> keys_of(View object) {
  std::vector<std::string> keys;
  object.each([&](View member) { keys.emplace_back(member.key()); });
  return keys;
}

TEST_CASE("each type is read as itself and as nothing else") {
  Document d;
  REQUIRE(d.parse(R"({"n":null,"b":true,"i":-7,"d":1.5,"s":"text","a":[1],"o":{}})"));
  const View root = d.root();

  CHECK(root.type() == Type::Object);
  CHECK(root.size() == 7);
  CHECK(root["n"].exists());
  CHECK(root["n"].type() == Type::Null);
  CHECK(root["b"].boolean() == true);
  CHECK(root["i"].integer() == -7);
  CHECK(root["i"].number() == -7.0);
  CHECK(root["d"].number() == 1.5);
  CHECK(root["s"].string() == "text");
  CHECK(root["a"].size() == 1);
  CHECK(root["o"].is(Type::Object));
  CHECK(root["o"].size() == 0);

  CHECK_FALSE(root["s"].integer());
  CHECK_FALSE(root["s"].boolean());
  CHECK_FALSE(root["s"].number());
  CHECK_FALSE(root["d"].integer());
  CHECK_FALSE(root["b"].string());
  CHECK_FALSE(root["i"].boolean());
  CHECK(root["i"].text().empty());
}

TEST_CASE("a chain through something absent is missing to the end") {
  Document d;
  CHECK_FALSE(d.root().exists());
  REQUIRE(d.parse(R"({"spec":{"image":"x"},"list":["a"]})"));

  const View missing = d.root()["spec"]["runtime"]["replicas"];
  CHECK_FALSE(missing);
  CHECK(missing.type() == Type::Null);
  CHECK_FALSE(missing.is(Type::Null));
  CHECK_FALSE(missing.integer());
  CHECK(missing.text().empty());
  CHECK(missing.key().empty());
  CHECK(missing.size() == 0);
  CHECK_FALSE(missing.first());
  CHECK_FALSE(missing.next());
  CHECK(missing.to_json().is_null());

  CHECK_FALSE(d.root()["list"]["a"]);                // an array has no members
  CHECK_FALSE(d.root()["spec"]["image"]["deeper"]);  // nor has a string
}

TEST_CASE("siblings are found past nested content, and end with their parent") {
  Document d;
  REQUIRE(d.parse(R"({"a":{"x":[1,[2,3],{"y":4}]},"b":[],"c":{},"d":"last"})"));
  CHECK(keys_of(d.root()) == std::vector<std::string>{"a", "b", "c", "d"});
  CHECK(d.root()["d"].text() == "last");
  CHECK_FALSE(d.root()["y"]);

  const View x = d.root()["a"]["x"];
  CHECK(x.size() == 3);
  CHECK(x.first().integer() == 1);
  CHECK(x.first().next().size() == 2);
  CHECK(x.first().next().next()["y"].integer() == 4);
  CHECK_FALSE(x.first().next().next().next());
  CHECK_FALSE(x.next());  // must not run on into "b"
  CHECK_FALSE(d.root().next());
  CHECK_FALSE(d.root()["b"].first());
}

TEST_CASE("of duplicate keys the last one is found, and all are seen") {
  Document d;
  REQUIRE(d.parse(R"({"k":1,"other":true,"k":2})"));
  CHECK(d.root()["k"].integer() == 2);
  CHECK(keys_of(d.root()) == std::vector<std::string>{"k", "other", "k"});
  CHECK(d.root().to_json() == nlohmann::json{{"k", 2}, {"other", true}});
}

TEST_CASE("escapes and unicode are decoded, NUL included") {
  Document d;
  REQUIRE(d.parse(
      R"({"\u00e9t\u00e9":"\"\\\/\b\f\n\r\t","emoji":"\ud83d\ude00","raw":"€","nul":"a\u0000b","":1})"));
  CHECK(d.root()["été"].text() == "\"\\/\b\f\n\r\t");
  CHECK(d.root()["emoji"].text() == "\U0001F600");
  CHECK(d.root()["raw"].text() == "€");
  CHECK(d.root()["nul"].text() == std::string_view{"a\0b", 3});
  CHECK(d.root()[""].integer() == 1);
}

TEST_CASE("integers keep 64 bits; what does not fit becomes a Double") {
  Document d;
  REQUIRE(
      d.parse("[9223372036854775807,-9223372036854775808,9223372036854775808,-9223372036854775809,"
              "18446744073709551616]"));
  std::vector<Type> types;
  d.root().each([&](View v) { types.push_back(v.type()); });
  CHECK(types == std::vector<Type>{Type::Integer, Type::Integer, Type::Double, Type::Double, Type::Double});
  CHECK(d.root().first().integer() == INT64_MAX);
  CHECK(d.root().first().next().integer() == INT64_MIN);
  CHECK(d.root().first().next().next().number() == 9223372036854775808.0);
}

TEST_CASE("a scalar is a document") {
  Document d;
  REQUIRE(d.parse(" \"x\" "));
  CHECK(d.root().text() == "x");
  REQUIRE(d.parse("null"));
  CHECK(d.root().exists());
}

TEST_CASE("to_json copies a part") {
  Document d;
  const std::string part = R"({"limits":{"cpu":"500m","n":[1,2.5,null,false]}})";
  REQUIRE(d.parse(R"({"before":[{}],"resources":)" + part + R"(,"after":1})"));
  CHECK(d.root()["resources"].to_json() == nlohmann::json::parse(part));
}

TEST_CASE("depth is limited exactly") {
  const auto nested = [](std::size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); };
  Document d;
  CHECK(d.parse(nested(64)));
  const auto status = d.parse(nested(65));
  REQUIRE_FALSE(status);
  CHECK(status.error().code == ErrorCode::ResourceExhausted);
  CHECK(status.error().message == "JSON nests deeper than 64 levels");
  CHECK_FALSE(d.root());
  CHECK_FALSE(d.parse(std::string(200'000, '[')));
  CHECK(d.parse("[[],[],[]]", {.depth = 2}));  // breadth is not depth
  CHECK_FALSE(d.parse("[[[]]]", {.depth = 2}));
  CHECK_FALSE(d.parse(R"({"a":{"b":{}}})", {.depth = 2}));
}

TEST_CASE("size is limited exactly") {
  Document d;
  CHECK(d.parse("[1,2]", {.bytes = 5}));
  const auto status = d.parse("[1,23]", {.bytes = 5});
  REQUIRE_FALSE(status);
  CHECK(status.error() == Error{ErrorCode::ResourceExhausted, "JSON of 6 bytes, at most 5 are accepted"});
}

TEST_CASE("the number of values is limited exactly") {
  Document d;
  CHECK(d.parse("[1,null,true]", {.values = 4}));
  for (const std::string_view text :
       {R"([1,2,"a","b"])", R"([1,null,true,1.5])", "[1,2,3,[]]", R"({"a":1,"b":{},"c":2,"d":{}})"}) {
    const auto status = d.parse(text, {.values = 4});
    REQUIRE_FALSE(status);
    CHECK(status.error() == Error{ErrorCode::ResourceExhausted, "JSON of more than 4 values"});
    CHECK_FALSE(d.root());
  }
}

TEST_CASE("what is not JSON is refused with its place and without its content") {
  struct Case {
    std::string_view text, message;
  };
  const std::array cases{
      // What follows is nlohmann's own text, which changes with its versions; ours is the place.
      Case{"", "not JSON: byte 1: "},
      Case{R"({"a":1)",
           "not JSON: byte 7: syntax error while parsing object - unexpected end of input; expected '}'"},
      Case{R"({"token":hunter2})", "not JSON: byte 10: syntax error while parsing value - invalid literal"},
      Case{R"(["hunter2)",
           "not JSON: byte 10: syntax error while parsing value - invalid string: missing closing quote"},
      Case{"[1] x", "not JSON: byte 5: syntax error while parsing value - invalid literal"},
      Case{"[1e999]", "not JSON: byte 6: number out of range"},
      Case{{"{}\0{}", 5}, "not JSON: byte 3: a NUL byte"},
      Case{"[\"\xff\"]",
           "not JSON: byte 3: syntax error while parsing value - invalid string: ill-formed UTF-8 byte"},
      Case{R"(["\ud800"])",
           "not JSON: byte 9: syntax error while parsing value - invalid string: surrogate "
           "U+D800..U+DBFF must be followed by U+DC00..U+DFFF"},
  };
  Document d;
  for (const auto& c : cases) {
    CAPTURE(c.text);
    const auto status = d.parse(c.text);
    REQUIRE_FALSE(status);
    CHECK(status.error().code == ErrorCode::DataLoss);
    CHECK(status.error().message.starts_with(c.message));
    CHECK(status.error().message.find("hunter2") == std::string::npos);
    CHECK_FALSE(d.root());
  }
}

TEST_CASE("a Document is reused: nothing of the last text remains, also after an error") {
  Document d;
  REQUIRE(d.parse(R"({"a":[1,2,3],"text":"long long long"})"));
  REQUIRE_FALSE(d.parse(R"({"b":1,"c":[)"));
  CHECK_FALSE(d.root());
  REQUIRE(d.parse(R"({"d":"x"})"));
  CHECK(keys_of(d.root()) == std::vector<std::string>{"d"});
  CHECK(d.root()["d"].text() == "x");
}

}  // namespace
}  // namespace tp::json
