#include "domain/free_config.h"

#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "json/document.h"
#include "json/parse.h"
#include "support/catch.h"

namespace tp::domain {
namespace {

using Json = nlohmann::json;

std::string complaint(const Json& config) {
  json::Document document;
  REQUIRE(document.parse(json::dump(config)));
  const std::vector<FieldError> errors = check_config(document.root(), "spec.config");
  if (errors.empty()) return "";
  CHECK(errors.size() == 1);
  CHECK(errors[0].path == "spec.config");
  return errors[0].message;
}

Json nested(std::size_t levels, bool lists) {
  Json value = lists ? Json::array() : Json::object();
  for (std::size_t level = 2; level < levels; ++level)
    value = lists ? Json::array({value}) : Json{{"k", value}};
  return Json{{"k", value}};
}

Json members(std::size_t count, const Json& value = 1) {
  Json object = Json::object();
  for (std::size_t i = 0; i < count; ++i) object["k" + std::to_string(i)] = value;
  return object;
}

TEST_CASE("a config within its bounds is accepted", "[team]") {
  for (const Json& config :
       {Json::object(), Json{{"a", nullptr}, {"b", Json::array()}, {"c", {{"d", 1.5}}}},
        members(kMaxConfigLeaves), nested(kMaxConfigDepth, false), nested(kMaxConfigDepth, true),
        Json{{std::string(kMaxConfigKey, 'k'), 1}}, Json{{"k", std::string(kMaxConfigBytes - 8, 'x')}},
        Json{{"list", std::vector<int>(1000, 1)}}, Json{{"\xc3\xa4 b/c", "\t"}}}) {
    CHECK(complaint(config).empty());
  }
}

TEST_CASE("a config beyond its bounds is refused", "[team]") {
  CHECK(complaint(members(kMaxConfigLeaves + 1)) == "must have at most 256 values, has 257");
  CHECK(complaint(members(kMaxConfigLeaves + 1, nullptr)) == "must have at most 256 values, has 257");
  CHECK(complaint(nested(kMaxConfigDepth + 1, false)) == "must have at most 16 levels, has 17");
  CHECK(complaint(nested(kMaxConfigDepth + 1, true)) == "must have at most 16 levels, has 17");
  CHECK(complaint(Json{{"k", std::string(kMaxConfigBytes - 7, 'x')}}) ==
        "must have at most 65536 bytes as JSON, has 65537");
  const std::string keys = "keys must have 1 to 128 characters, none of them '.' or a control character";
  for (const std::string& key : {std::string{}, std::string(kMaxConfigKey + 1, 'k'), std::string{"a.b"},
                                 std::string{"a\nb"}, std::string{"a\x7f"}, std::string(1, '\0')}) {
    CHECK(complaint(Json{{key, 1}}) == keys);
    CHECK(complaint(Json{{"list", Json::array({Json{{key, 1}}})}}) == keys);
  }
  CHECK(complaint(Json{{"k", Json::array({std::string("a\0b", 3)})}}) == "texts must not contain NUL");
}

// Else the status, which lists the dotted paths, could outgrow what etcd takes.
TEST_CASE("keys that many values share count for each of them", "[team]") {
  Json config = members(200);
  for (int level = 0; level < 10; ++level) config = Json{{std::string(100, 'k'), config}};
  CHECK(complaint(config).substr(0, 58) == "must have at most 65536 bytes of keys as dotted paths, has");
}

}  // namespace
}  // namespace tp::domain
