#include "json/parse.h"

#include <initializer_list>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "support/catch.h"

namespace tp::json {
namespace {

TEST_CASE("parse gives the tree, or the same error as Document") {
  const auto tree = parse(R"({"a":[1,"x"]})");
  REQUIRE(tree);
  CHECK(*tree == nlohmann::json{{"a", {1, "x"}}});

  const std::string deep(65, '[');
  for (const std::string_view text :
       std::initializer_list<std::string_view>{R"({"a":secret})", R"({"a")", "", "[1,]", deep}) {
    CAPTURE(text);
    Document d;
    const auto bad = parse(text);
    const auto same = d.parse(text);
    REQUIRE_FALSE(bad);
    REQUIRE_FALSE(same);
    CHECK(bad.error() == same.error());
    CHECK_FALSE(check(text));
  }
  CHECK(check(R"({"a":[1,"x"]})"));
  CHECK_FALSE(check("[1e999]"));
  CHECK_FALSE(check({"{}\0", 3}));
  const auto big = parse("[1e999]");
  REQUIRE_FALSE(big);
  CHECK(big.error().code == ErrorCode::DataLoss);
  CHECK_FALSE(parse({"{}\0", 3}));
}

TEST_CASE("check_limits looks at structure only") {
  const Limits limits{.bytes = 64, .depth = 2};
  CHECK(check_limits("[[]]", limits));
  CHECK_FALSE(check_limits("[[[]]]", limits));
  CHECK_FALSE(check_limits("[{\"a\":[", limits));
  CHECK(check_limits(R"(["[[[[", "\"[[[[", "\\"])", limits));  // brackets in strings
  CHECK_FALSE(check_limits(R"(["\\", [[]]])", limits));        // the string ends at its own quote
  CHECK(check_limits("]]]]", limits));                         // not JSON, but not deep
  CHECK(check_limits(R"("\)", limits));                        // a backslash at the very end
  CHECK_FALSE(check_limits(std::string(65, ' '), limits));
}

TEST_CASE("dump is compact and survives bytes that are not UTF-8") {
  CHECK(dump({{"b", 1}, {"a", "x\n"}}) == R"({"a":"x\n","b":1})");
  CHECK(dump(nlohmann::json{"\xff"}) == "[\"\xEF\xBF\xBD\"]");
}

}  // namespace
}  // namespace tp::json
