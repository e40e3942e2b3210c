#include "provisioner/commands/crd_check.h"

#include "support/catch.h"

namespace tp::provisioner::test {
namespace {

using Json = nlohmann::json;

Definition definition() {
  return {"cats.x.io", Json::parse(R"({
    "spec": {"group": "x.io", "names": {"kind": "Cat"}, "versions": [{"name": "v1", "schema": {"openAPIV3Schema": {
      "type": "object", "description": "A cat.",
      "properties": {"metadata": {"type": "object"}, "spec": {"type": "object", "properties": {
        "lives": {"type": "integer", "maximum": 9}, "size": {"x-kubernetes-int-or-string": true}}}}}}}]}
  })")};
}

// As an API server publishes it.
Json published() {
  return Json::parse(R"({"components": {"schemas": {
    "io.x.v1.CatList": {"x-kubernetes-group-version-kind": [{"group": "x.io", "version": "v1", "kind": "CatList"}]},
    "io.x.v1.Cat": {
      "x-kubernetes-group-version-kind": [{"group": "x.io", "version": "v1", "kind": "Cat"}],
      "x-kubernetes-selectable-fields": [{"fieldPath": "spec.lives"}],
      "type": "object", "description": "A cat.",
      "properties": {"apiVersion": {"type": "string"}, "metadata": {"allOf": []}, "spec": {"type": "object", "properties": {
        "lives": {"type": "integer", "maximum": 9},
        "size": {"x-kubernetes-int-or-string": true, "anyOf": [{"type": "integer"}, {"type": "string"}]}}}}},
    "io.x.v1.Dog": {}}}})");
}

Json& cat(Json& document) {
  return document["components"]["schemas"]["io.x.v1.Cat"]["properties"]["spec"]["properties"];
}

Check check(const Result<Json>& document) {
  const Definition known = definition();
  return check_schema(known, known.object["spec"]["versions"][0], document);
}

TEST_CASE("schema: where it is published", "[commands]") {
  const Definition known = definition();
  CHECK(schema_path(known, known.object["spec"]["versions"][0]) == "/openapi/v3/apis/x.io/v1");
}

TEST_CASE("schema: what the API server adds is no difference", "[commands]") {
  const Check found = check(published());
  CHECK(found.verdict == Verdict::Ok);
  CHECK(found.about == "cats.x.io");
}

TEST_CASE("schema: not served", "[commands]") {
  CHECK(check(Error{ErrorCode::NotFound, "404"}).message ==
        "is not served as v1; run: team-operator crds apply");
  Json other = published();
  other["components"]["schemas"].erase("io.x.v1.Cat");
  CHECK(check(other).verdict == Verdict::Missing);
  const Check unreadable = check(Error{ErrorCode::Unavailable, "no answer"});
  CHECK(unreadable.verdict == Verdict::Missing);
  CHECK(unreadable.message == "no answer");
}

TEST_CASE("schema: an older one lacks what we write", "[commands]") {
  Json older = published();
  cat(older).erase("lives");
  const Check found = check(older);
  CHECK(found.verdict == Verdict::Missing);
  CHECK(found.message ==
        "has another schema than this version, at properties.spec.properties.lives; see: team-operator crds "
        "diff");
}

TEST_CASE("schema: one with another bound would refuse or take what we do not expect", "[commands]") {
  Json other = published();
  cat(other)["lives"]["maximum"] = 7;
  cat(other)["colour"] = {{"type", "string"}};
  const Check found = check(other);
  CHECK(found.verdict == Verdict::Missing);
  CHECK(found.message ==
        "has another schema than this version, at properties.spec.properties.lives.maximum and in 1 more "
        "places; "
        "see: team-operator crds diff");
}

TEST_CASE("schema: a newer one is a warning", "[commands]") {
  Json newer = published();
  cat(newer)["colour"] = {{"type", "string"}};
  const Check found = check(newer);
  CHECK(found.verdict == Verdict::Warning);
  CHECK(found.message ==
        "knows more than this version, at properties.spec.properties.colour; see: team-operator crds diff");
}

TEST_CASE("definitions: those of the repository are in the program", "[commands]") {
  const auto definitions = load_definitions();
  REQUIRE(definitions);
  REQUIRE_FALSE(definitions->empty());
  CHECK(definitions->back().name == "teamprovisionings.incidentfox.io");
  CHECK(definitions->back().object["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"].contains(
      "spec"));
}

TEST_CASE("definitions: established, not yet, or never", "[commands]") {
  const auto with = [](const char* established, const char* accepted) {
    return is_established(
        Json{{"status",
              {{"conditions",
                {{{"type", "NamesAccepted"}, {"status", accepted}, {"message", "taken by mice"}},
                 {{"type", "Established"}, {"status", established}}}}}}});
  };
  CHECK(*with("True", "True"));
  CHECK_FALSE(*with("False", "True"));
  REQUIRE_FALSE(with("False", "False"));
  CHECK(with("False", "False").error().message == "taken by mice");
  CHECK_FALSE(*is_established(Json::object()));
}

}  // namespace
}  // namespace tp::provisioner::test
