#include "kube/core/ownership.h"

#include <nlohmann/json.hpp>

#include "support/catch.h"

namespace tp::kube {
namespace {

using Json = nlohmann::json;

Json live() {
  return Json::parse(R"({"apiVersion": "apps/v1", "kind": "Deployment",
    "metadata": {"name": "d", "uid": "u-1", "resourceVersion": "7",
      "ownerReferences": [{"uid": "other"}, {"uid": "team"}],
      "managedFields": [
        {"manager": "OpenAPI-Generator", "operation": "Update", "apiVersion": "apps/v1", "fieldsType": "FieldsV1",
         "fieldsV1": {"f:spec": {"f:replicas": {}, "f:template": {"f:a": {}, "f:b": {"f:c": {}}}}}},
        {"manager": "kubectl-edit", "operation": "Update", "fieldsV1": {"f:spec": {"f:template": {"f:b": {}}}}},
        {"manager": "kube-controller-manager", "operation": "Update", "fieldsV1": {"f:metadata": {}}},
        {"manager": "kubelet", "operation": "Update", "subresource": "status", "fieldsV1": {"f:status": {}}},
        {"manager": "argocd", "operation": "Apply", "fieldsV1": {"f:metadata": {"f:labels": {}}}},
        {"manager": "team-operator", "operation": "Apply", "fieldsV1": {"f:spec": {"f:selector": {}}}}]}})");
}

TEST_CASE("take_over_patch: what was set by updates becomes ours, the rest stays where it is", "[kube]") {
  const auto text = take_over_patch(live(), "team-operator");
  REQUIRE(text);
  const Json patch = Json::parse(*text);
  CHECK(patch.at(0) == Json{{"op", "test"}, {"path", "/metadata/uid"}, {"value", "u-1"}});
  CHECK(patch.at(1) == Json{{"op", "test"}, {"path", "/metadata/resourceVersion"}, {"value", "7"}});
  const Json& entries = patch.at(2).at("value");
  REQUIRE(entries.size() == 4);
  CHECK(entries.at(0).at("manager") == "kube-controller-manager");
  CHECK(entries.at(1).at("subresource") == "status");
  CHECK(entries.at(2).at("manager") == "argocd");
  CHECK(entries.at(3).at("manager") == "team-operator");
  CHECK(entries.at(3).at("operation") == "Apply");
  // f:b as a whole (of kubectl-edit) swallows its part f:c.
  CHECK(entries.at(3).at("fieldsV1") ==
        Json::parse(
            R"({"f:spec": {"f:replicas": {}, "f:selector": {}, "f:template": {"f:a": {}, "f:b": {}}}})"));
}

TEST_CASE("take_over_patch: nothing to take, nothing to do", "[kube]") {
  Json object = live();
  Json& entries = object["metadata"]["managedFields"];
  entries.erase(entries.begin(), entries.begin() + 2);
  CHECK_FALSE(take_over_patch(object, "team-operator"));
  object["metadata"].erase("managedFields");
  CHECK_FALSE(take_over_patch(object, "team-operator"));
}

TEST_CASE("last_other_writer: the newest entry that is neither ours nor of the status", "[kube]") {
  Json object{{"metadata", {{"managedFields", Json::array()}}}};
  Json& entries = object["metadata"]["managedFields"];
  CHECK(last_other_writer(object, "team-operator").empty());
  const auto add = [&](const char* manager, const char* time, const char* subresource = "") {
    entries.push_back({{"manager", manager}, {"time", time}, {"subresource", subresource}});
  };
  add("team-operator", "2026-01-01T00:00:09Z");
  CHECK(last_other_writer(object, "team-operator").empty());
  add("kubectl-edit", "2026-01-01T00:00:01Z");
  add("rogue", "2026-01-01T00:00:03Z");
  add("helm", "2026-01-01T00:00:02Z");
  add("kube-controller-manager", "2026-01-01T00:00:09Z", "status");
  CHECK(last_other_writer(object, "team-operator") == "rogue");
  add("kube-controller-manager", "2026-01-01T00:00:04Z", "scale");
  CHECK(last_other_writer(object, "team-operator") == "kube-controller-manager");
}

TEST_CASE("release_patch: removes the one reference, guarded", "[kube]") {
  const auto text = release_patch(live(), "team");
  REQUIRE(text);
  CHECK(Json::parse(*text) == Json::parse(R"([{"op": "test", "path": "/metadata/uid", "value": "u-1"},
                        {"op": "test", "path": "/metadata/ownerReferences/1/uid", "value": "team"},
                        {"op": "remove", "path": "/metadata/ownerReferences/1"}])"));
  CHECK_FALSE(release_patch(live(), "somebody"));
}

TEST_CASE("claim_patch: adds a reference beside the others, guarded, and once", "[kube]") {
  Json object = live();
  const Json others = object["metadata"]["ownerReferences"];
  const Json mine{{"kind", "TeamProvisioning"}, {"name", "a"}, {"uid", "new"}, {"controller", true}};
  Json all = others;
  all.push_back(mine);
  const auto text = claim_patch(object, mine);
  REQUIRE(text);
  const std::string version = object["metadata"]["resourceVersion"];
  CHECK(Json::parse(*text) ==
        Json::array({{{"op", "test"}, {"path", "/metadata/uid"}, {"value", "u-1"}},
                     {{"op", "test"}, {"path", "/metadata/resourceVersion"}, {"value", version}},
                     {{"op", "add"}, {"path", "/metadata/ownerReferences"}, {"value", all}}}));
  object["metadata"]["ownerReferences"] = all;
  CHECK_FALSE(claim_patch(object, mine));
  object["metadata"].erase("ownerReferences");
  CHECK(Json::parse(claim_patch(object, mine).value())[2]["value"] == Json::array({mine}));
}

}  // namespace
}  // namespace tp::kube
