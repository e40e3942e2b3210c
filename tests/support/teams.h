#pragma once

#include <memory>
#include <string>
#include <utility>

#include "domain/naming.h"
#include "provisioner/desired/desired_state.h"
#include "provisioner/desired/metadata.h"
#include "provisioner/reconcile/observed.h"

// Teams and children for tests: valid by default, each test changes what it is about.
namespace tp::test {

inline provisioner::Team a_team(std::string org = "acme", std::string node = "checkout") {
  provisioner::Team team;
  team.meta = {.key = {"incidentfox", node},
               .uid = "uid-" + org + "-" + node,
               .resource_version = "100",
               .generation = 1};
  team.meta.created = WallTime{std::chrono::seconds{1767225600}};
  team.spec.org_id = std::move(org);
  team.spec.team_node_id = std::move(node);
  return team;
}

inline provisioner::Team scheduled(provisioner::Team team, std::string schedule = "0 2 * * *") {
  team.spec.pipeline = domain::Pipeline{.schedule = std::move(schedule)};
  return team;
}

inline provisioner::Team dedicated(provisioner::Team team, domain::DedicatedRuntime runtime = {}) {
  team.spec.mode = domain::RuntimeMode::Dedicated;
  team.spec.dedicated = std::make_shared<const domain::DedicatedRuntime>(std::move(runtime));
  return team;
}

inline provisioner::TeamPointer share(provisioner::Team team) {
  return std::make_shared<const provisioner::Team>(std::move(team));
}

// What the caches would hold of `object` once it has been applied and everything runs.
inline provisioner::Child child_of(const provisioner::Team& team,
                                   provisioner::Slot slot,
                                   const nlohmann::json& object) {
  provisioner::Child child;
  const std::string name = object.at("metadata").at("name");
  child.meta = {.key = {team.meta.key.ns, name},
                .uid = "uid-of-" + name + "-" + std::to_string(static_cast<int>(slot)),
                .resource_version = "200",
                .generation = 1,
                .controller_uid = team.meta.uid};
  child.slot = slot;
  child.managed_by = provisioner::ManagedBy::Operator;
  child.org_label = domain::label_value(team.spec.org_id);
  child.team_label = domain::label_value(team.spec.team_node_id);
  child.owned = kube::fingerprint_of(object);
  if (slot == provisioner::Slot::AgentDeployment) {
    const std::int64_t replicas = object.at("spec").at("replicas");
    child.rollout = std::make_shared<const provisioner::RolloutState>(
        provisioner::RolloutState{.observed_generation = 1,
                                  .wanted = replicas,
                                  .total = replicas,
                                  .updated = replicas,
                                  .available = replicas,
                                  .selector = object.at("spec").at("selector").at("matchLabels")});
  }
  return child;
}

// A team with everything that it asks for in place.
inline provisioner::Observed converged(const provisioner::Team& team,
                                       const provisioner::BuildContext& build) {
  provisioner::Observed observed{share(team)};
  const auto state = provisioner::desired_state(team, build, provisioner::default_layout(team));
  for (const auto& child : state.children) {
    observed.children.push_back(
        std::make_shared<const provisioner::Child>(child_of(team, child.slot, child.object)));
  }
  observed.service_accounts = state.service_accounts;
  return observed;
}

// The child in that slot, changed by `edit`.
template <class Edit>
void edit_child(provisioner::Observed& observed, provisioner::Slot slot, Edit edit) {
  for (auto& child : observed.children) {
    if (child->slot != slot) continue;
    provisioner::Child copy = *child;
    edit(copy);
    child = std::make_shared<const provisioner::Child>(std::move(copy));
  }
}

}  // namespace tp::test
