#include "provisioner/reconcile/child.h"

#include <utility>

#include "domain/team_provisioning.h"
#include "provisioner/desired/metadata.h"

namespace tp::provisioner {
namespace {

ManagedBy read_manager(std::string_view label) {
  if (label == kManagedByUs) return ManagedBy::Operator;
  return label == kManagedByLegacy ? ManagedBy::Legacy : ManagedBy::Other;
}

bool has_foreign_controller(json::View references) {
  bool foreign = false;
  references.each([&](json::View reference) {
    const bool team = reference["kind"].text() == domain::kTeamProvisionings.kind &&
                      reference["apiVersion"].text().starts_with(domain::kTeamProvisionings.group);
    if (reference["controller"].boolean().value_or(false) && !team) foreign = true;
  });
  return foreign;
}

// The legacy service's labels are not injective, but it passed the raw ids to its containers.
void read_raw_ids(json::View pod_spec, Child& child) {
  pod_spec["containers"].first()["env"].each([&](json::View variable) {
    const std::string_view name = variable["name"].text();
    if (name == "ORG_ID") child.raw_org = variable["value"].text();
    if (name == "TEAM_NODE_ID" || name == "TEAM_ID") child.raw_team = variable["value"].text();
  });
}

// Not by an Update of the object as a whole, which we take over when we adopt it.
bool scaled_by_others(json::View object) {
  bool found = false;
  object["metadata"]["managedFields"].each([&](json::View entry) {
    if (!entry["fieldsV1"]["f:spec"]["f:replicas"]) return;
    const bool applied = entry["operation"].text() == "Apply";
    found = found || (applied ? entry["manager"].text() != kFieldManager : entry["subresource"].exists());
  });
  return found;
}

std::shared_ptr<const RolloutState> read_rollout(json::View object) {
  auto state = std::make_shared<RolloutState>();
  const json::View status = object["status"];
  state->observed_generation = status["observedGeneration"].integer().value_or(0);
  state->wanted = object["spec"]["replicas"].integer().value_or(1);
  state->total = status["replicas"].integer().value_or(0);
  state->updated = status["updatedReplicas"].integer().value_or(0);
  state->available = status["availableReplicas"].integer().value_or(0);
  status["conditions"].each([&](json::View condition) {
    if (condition["type"].text() == "Progressing" &&
        condition["reason"].text() == "ProgressDeadlineExceeded") {
      state->deadline_exceeded = true;
    }
  });
  state->scaled_by_others = scaled_by_others(object);
  state->selector = object["spec"]["selector"]["matchLabels"].to_json();
  return state;
}

template <class T>
bool same(const std::shared_ptr<const T>& a, const std::shared_ptr<const T>& b) {
  return a == b || (a && b && *a == *b);
}

}  // namespace

bool operator==(const Child& a, const Child& b) {
  return a.meta == b.meta && a.slot == b.slot && a.managed_by == b.managed_by &&
         a.foreign_controller == b.foreign_controller && a.org_label == b.org_label &&
         a.team_label == b.team_label && a.raw_org == b.raw_org && a.raw_team == b.raw_team &&
         a.owned == b.owned && same(a.rollout, b.rollout);
}

Result<Child> project_child(const kube::ResourceType& type, json::View object) {
  Child child;
  TP_ASSIGN_OR_RETURN(child.meta, kube::read_meta(object));
  const json::View metadata = object["metadata"];
  const json::View labels = metadata["labels"];
  child.slot = slot_of(type, labels[kAppLabel].text());
  child.managed_by = read_manager(labels[kManagedByLabel].text());
  child.foreign_controller = has_foreign_controller(metadata["ownerReferences"]);
  child.org_label = labels[kOrgKey].text();
  child.team_label = labels[kTeamKey].text();
  child.owned = kube::owned_fingerprint(object, kFieldManager);
  if (type == kube::kDeployments) child.rollout = read_rollout(object);
  if (child.managed_by == ManagedBy::Legacy) {
    const json::View spec = object["spec"];
    read_raw_ids(
        type == kube::kCronJobs ? spec["jobTemplate"]["spec"]["template"]["spec"] : spec["template"]["spec"],
        child);
  }
  return child;
}

std::string owner_key(const std::string& ns, const std::string& org_label, const std::string& team_label) {
  return ns + "/" + org_label + "/" + team_label;
}

}  // namespace tp::provisioner
