#include "provisioner/commands/differences.h"

#include "support/catch.h"

namespace tp::provisioner::test {
namespace {

using Json = nlohmann::json;

std::vector<Difference> between(const char* before, const char* after) {
  return differences(Json::parse(before), Json::parse(after));
}

TEST_CASE("differences: none between equal documents", "[commands]") {
  CHECK(between(R"({"a": [1, {"b": null}]})", R"({"a": [1, {"b": null}]})").empty());
  CHECK(to_text({}).empty());
}

TEST_CASE("differences: members that came, went and changed", "[commands]") {
  CHECK(between(R"({"a": {"b": 1, "c": 2}, "d": 0})", R"({"a": {"c": 3, "e": null}, "d": 0})") ==
        std::vector<Difference>{
            {"a.b", Json(1), std::nullopt}, {"a.c", Json(2), Json(3)}, {"a.e", std::nullopt, Json(nullptr)}});
  CHECK(between(R"({"a": {}})", R"({"a": []})") ==
        std::vector<Difference>{{"a", Json::object(), Json::array()}});
}

TEST_CASE("differences: elements with a name are told by it", "[commands]") {
  CHECK(between(R"({"v": [{"name": "x", "n": 1}, {"name": "y"}]})",
                R"({"v": [{"name": "z"}, {"name": "x", "n": 2}]})") ==
        std::vector<Difference>{{"v[x].n", Json(1), Json(2)},
                                {"v[y]", Json{{"name", "y"}}, std::nullopt},
                                {"v[z]", std::nullopt, Json{{"name", "z"}}}});
}

TEST_CASE("differences: of other lists, what only one has", "[commands]") {
  CHECK(between(R"({"e": ["a", "b", "c"]})", R"({"e": ["c", "d", "a"]})") ==
        std::vector<Difference>{{"e[]", Json("b"), std::nullopt}, {"e[]", std::nullopt, Json("d")}});
  CHECK(between(R"({"e": ["a", "b"]})", R"({"e": ["b", "a"]})") ==
        std::vector<Difference>{{"e", Json{"a", "b"}, Json{"b", "a"}}});
  CHECK(between(R"({"e": ["a", "a"]})", R"({"e": ["a"]})").size() == 1);
}

TEST_CASE("differences: as diff prints them", "[commands]") {
  CHECK(
      to_text(between(R"({"a": {"max": 64}})", R"({"a": {"max": 128, "s": {"type": "string", "x": 1}}})")) ==
      "@@ a.max\n-64\n+128\n"
      "@@ a.s\n+type: string\n+x: 1\n");
}

}  // namespace
}  // namespace tp::provisioner::test
