#include "provisioner/reconcile/child.h"

#include <string>

#include "support/catch.h"

namespace tp::provisioner {
namespace {

Child child_from(const kube::ResourceType& type, const std::string& text) {
  json::Document document;
  REQUIRE(document.parse(text));
  auto child = project_child(type, document.root());
  REQUIRE(child);
  return *std::move(child);
}

std::string deployment(const std::string& labels,
                       const std::string& owner = "",
                       const std::string& status = "{}") {
  return R"({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d", "namespace": "ns", "uid": "u",
    "resourceVersion": "5", "generation": 4, "creationTimestamp": "2026-01-01T00:00:00Z", "labels": )" +
         labels + R"(, "ownerReferences": [)" + owner + R"(]},
    "spec": {"replicas": 3, "selector": {"matchLabels": {"a": "b"}}, "template": {"spec": {"containers": [
      {"name": "agent", "env": [{"name": "ORG_ID", "value": "Acme"}, {"name": "TEAM_NODE_ID", "value": "Check.Out"}]}]}}},
    "status": )" +
         status + "}";
}

constexpr const char* kOurs =
    R"({"app.kubernetes.io/managed-by": "team-operator", "app.kubernetes.io/name": "incidentfox-agent",
  "incidentfox.io/org-id": "acme", "incidentfox.io/team-node-id": "checkout"})";

TEST_CASE("project_child: what decides is read from a live Deployment", "[child]") {
  const Child child = child_from(
      kube::kDeployments,
      deployment(
          kOurs,
          R"({"apiVersion": "incidentfox.io/v1alpha1", "kind": "TeamProvisioning", "uid": "t", "controller": true})",
          R"({"observedGeneration": 4, "replicas": 3, "updatedReplicas": 2, "availableReplicas": 1,
                                         "conditions": [{"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}]})"));
  CHECK(child.slot == Slot::AgentDeployment);
  CHECK(child.managed_by == ManagedBy::Operator);
  CHECK_FALSE(child.foreign_controller);
  CHECK(child.meta.controller_uid == "t");
  CHECK(child.org_label == "acme");
  CHECK(child.team_label == "checkout");
  CHECK(child.raw_org.empty());  // only asked of the legacy service's objects
  CHECK_FALSE(child.owned);
  REQUIRE(child.rollout);
  CHECK(child.rollout->observed_generation == 4);
  CHECK(child.rollout->wanted == 3);
  CHECK(child.rollout->total == 3);
  CHECK(child.rollout->updated == 2);
  CHECK(child.rollout->available == 1);
  CHECK(child.rollout->deadline_exceeded);
  CHECK(child.rollout->selector == nlohmann::json{{"a", "b"}});
}

TEST_CASE("project_child: who else decides on the replicas", "[child]") {
  const auto scaled = [](const std::string& entries) {
    std::string text = deployment(kOurs);
    text.insert(text.find(R"("uid")"), R"("managedFields": [)" + entries + "], ");
    return child_from(kube::kDeployments, text).rollout->scaled_by_others;
  };
  const std::string replicas = R"("fieldsV1": {"f:spec": {"f:replicas": {}}}})";
  CHECK_FALSE(scaled(""));
  CHECK_FALSE(scaled(R"({"manager": "team-operator", "operation": "Apply", )" + replicas));
  CHECK(scaled(R"({"manager": "kube-controller-manager", "operation": "Update", "subresource": "scale", )" +
               replicas));
  CHECK(scaled(R"({"manager": "argocd", "operation": "Apply", )" + replicas));
  // What we take over when we adopt the object is not somebody else's for long.
  CHECK_FALSE(scaled(R"({"manager": "kubectl-edit", "operation": "Update", )" + replicas));
  CHECK_FALSE(
      scaled(R"({"manager": "argocd", "operation": "Apply", "fieldsV1": {"f:spec": {"f:template": {}}}})"));
}

TEST_CASE("project_child: an object of the legacy service tells the raw ids", "[child]") {
  const Child child = child_from(kube::kDeployments,
                                 deployment(R"({"app.kubernetes.io/managed-by": "incidentfox-orchestrator",
    "app.kubernetes.io/name": "incidentfox-agent", "incidentfox.io/org-id": "acme", "incidentfox.io/team-node-id": "check-out"})"));
  CHECK(child.managed_by == ManagedBy::Legacy);
  CHECK(child.raw_org == "Acme");
  CHECK(child.raw_team == "Check.Out");
}

TEST_CASE("project_child: a stranger's controller and a stranger's labels", "[child]") {
  const Child child = child_from(
      kube::kDeployments,
      deployment(
          R"({"app.kubernetes.io/name": "nginx"})",
          R"({"apiVersion": "example.com/v1", "kind": "TeamProvisioning", "uid": "x", "controller": true})"));
  CHECK_FALSE(child.slot);
  CHECK(child.managed_by == ManagedBy::Other);
  CHECK(child.foreign_controller);
}

TEST_CASE("project_child: counters of other kinds do not make a difference", "[child]") {
  const std::string head =
      R"({"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "c", "namespace": "ns", "uid": "u", "resourceVersion": "5",
    "labels": {"app.kubernetes.io/managed-by": "team-operator", "app.kubernetes.io/name": "ai-pipeline"}}, "spec": {}, "status": )";
  const Child before = child_from(kube::kCronJobs, head + "{}}");
  const Child after = child_from(kube::kCronJobs, head + R"({"lastScheduleTime": "2026-01-01T02:00:00Z"}})");
  CHECK(before == after);
  CHECK(before.slot == Slot::PipelineCronJob);
  CHECK_FALSE(before.rollout);
}

}  // namespace
}  // namespace tp::provisioner
