#include "gateway/admin/fields.h"

#include <string>

#include "json/parse.h"
#include "support/catch.h"

namespace tp::gateway::test {
namespace {

using Json = nlohmann::json;

Json problems(const Fields& fields) {
  const auto refusal = fields.refusal();
  if (!refusal) return Json::array();
  CHECK(refusal->status == 422);
  return json::parse(refusal->body)->at("detail");
}

TEST_CASE("a valid body is read") {
  Fields fields{R"({"name": "a", "none": null, "n": 5, "yes": true, "map": {"x": 1}, "list": ["a", "b"]})"};
  CHECK(fields.text("name", {1, 5}) == "a");
  CHECK(fields.given("none"));
  CHECK_FALSE(fields.given("absent"));
  CHECK_FALSE(fields.text_or_none("none", {}));
  CHECK_FALSE(fields.text_or_none("absent", {}));
  CHECK(fields.text_or_none("name", {}) == "a");
  CHECK(fields.integer_or_none("n", {1, 5}) == 5);
  CHECK(fields.boolean("yes", false));
  CHECK(fields.boolean("absent", true));
  CHECK(fields.object("map") == Json{{"x", 1}});
  CHECK(fields.object("absent") == Json::object());
  CHECK(fields.texts_or_none("list", {}) == std::vector<std::string>{"a", "b"});
  CHECK_FALSE(fields.refusal());
}

TEST_CASE("all that is wrong is said, as the former service said it") {
  Fields fields{R"({"short": "", "long": "abc", "number": 5, "big": 6, "text": "x", "list": ["a", 1]})"};
  CHECK(fields.text("absent", {}).empty());
  CHECK(fields.text("short", {1, 2}).empty());
  CHECK(fields.text("long", {1, 2}).empty());
  CHECK(fields.text("number", {}).empty());
  CHECK_FALSE(fields.integer_or_none("big", {1, 5}));
  CHECK_FALSE(fields.integer_or_none("text", {1, 5}));
  CHECK_FALSE(fields.boolean("text", false));
  CHECK(fields.object("text") == Json::object());
  CHECK(fields.texts_or_none("list", {}) == std::vector<std::string>{"a"});
  fields.wrong("text", "it is no cron text");
  const Json said = problems(fields);
  REQUIRE(said.size() == 10);
  CHECK(said[0].at("type") == "missing");
  CHECK(said[0].at("loc") == Json::array({"body", "absent"}));
  CHECK(said[0].at("msg") == "Field required");
  CHECK(said[1] == Json{{"type", "string_too_short"},
                        {"loc", {"body", "short"}},
                        {"msg", "String should have at least 1 character"},
                        {"input", ""},
                        {"ctx", {{"min_length", 1}}}});
  CHECK(said[2].at("msg") == "String should have at most 2 characters");
  CHECK(said[3].at("type") == "string_type");
  CHECK(said[4].at("type") == "less_than_equal");
  CHECK(said[5].at("type") == "int_type");
  CHECK(said[6].at("type") == "bool_type");
  CHECK(said[7].at("type") == "dict_type");
  CHECK(said[8].at("loc") == Json::array({"body", "list", 1}));
  CHECK(said[9].at("msg") == "Value error, it is no cron text");
  CHECK(said[9].at("input") == "x");
}

TEST_CASE("a body that is no object is said once, beside what it lacks") {
  for (const char* body : {"[]", "1", "{", "\xff", "null"}) {
    CAPTURE(body);
    const Json said = problems(Fields{body});
    REQUIRE(said.size() == 1);
    CHECK(said[0].at("loc") == Json::array({"body"}));
  }
  CHECK(problems(Fields{""}).empty());
  CHECK(problems(Fields{"{"})[0].at("type") == "json_invalid");
  Fields extra{R"({"a": 1, "b": 2})"};
  extra.allow_only({"a"});
  CHECK(problems(extra)[0].at("loc") == Json::array({"body", "b"}));
}

TEST_CASE("large input is not sent back") {
  Fields fields{R"({"a": ")" + std::string(5000, 'x') + R"("})"};
  static_cast<void>(fields.text("a", {1, 10}));
  CHECK(problems(fields)[0].at("input").is_null());
}

}  // namespace
}  // namespace tp::gateway::test
