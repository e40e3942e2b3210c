#include "provisioner/reconcile/plan.h"

#include <algorithm>
#include <tuple>
#include <type_traits>
#include <utility>

#include "kube/core/fingerprint.h"
#include "provisioner/desired/agent.h"
#include "provisioner/desired/metadata.h"
#include "provisioner/desired/policy.h"
#include "provisioner/desired/token_secret.h"
#include "provisioner/reconcile/release_rules.h"
#include "provisioner/reconcile/runtime_state.h"

namespace tp::provisioner {
namespace {

using Json = nlohmann::json;

std::size_t index(Slot slot) { return static_cast<std::size_t>(slot); }

std::string object_name(Slot slot, const kube::ObjectKey& key) {
  return std::string{info(slot).type.kind} + " " + key.str();
}

// One live object for each slot; what is left over has no place.
struct Occupancy {
  std::array<const Child*, kSlotCount> at{};
  std::vector<const Child*> surplus{};
};

// Preferred: our own, then the one with the name that we would give, then the oldest.
Occupancy occupy(const Observed& observed, const Layout& defaults) {
  std::vector<const Child*> children;
  for (const ChildPointer& child : observed.children) children.push_back(child.get());
  const auto rank = [&](const Child* child) {
    return std::make_tuple(child->managed_by != ManagedBy::Operator,
                           child->meta.key.name != defaults.name(*child->slot), child->meta.created,
                           std::string_view{child->meta.uid});
  };
  std::sort(children.begin(), children.end(),
            [&](const Child* a, const Child* b) { return rank(a) < rank(b); });
  Occupancy result;
  for (const Child* child : children) {
    const Child*& place = result.at.at(index(*child->slot));
    if (place == nullptr) {
      place = child;
    } else {
      result.surplus.push_back(child);
    }
  }
  return result;
}

// Whether an autoscaler decides on the replicas, or still may.
bool is_scaled(const Team& team, const Occupancy& live) {
  const Child* const autoscaler = live.at.at(index(Slot::AgentAutoscaler));
  return (team.spec.dedicated && team.spec.dedicated->autoscaling) ||
         (autoscaler != nullptr && !autoscaler->meta.deleting);
}

// With an autoscaler the number is its own to change. We hold the live one until somebody else does: dropped
// before, it would fall back to 1. Taken back when the autoscaler is gone and not before, or the two would
// fight; so there are never fewer than before or after, whichever is less.
std::optional<std::int64_t> replicas_to_apply(const Team& team, const Occupancy& live) {
  const Child* const deployment = live.at.at(index(Slot::AgentDeployment));
  if (!is_scaled(team, live) || deployment == nullptr || !deployment->rollout) return initial_replicas(team);
  const RolloutState& state = *deployment->rollout;
  // An autoscaler leaves a Deployment without pods alone.
  if (state.wanted == 0) return initial_replicas(team);
  return state.scaled_by_others ? std::nullopt : std::optional{state.wanted};
}

Layout layout_of(const Team& team, const Occupancy& live, Layout layout) {
  for (std::size_t i = 0; i < kSlotCount; ++i) {
    if (live.at.at(i) != nullptr) layout.names.at(i) = live.at.at(i)->meta.key.name;
  }
  const Child* deployment = live.at.at(index(Slot::AgentDeployment));
  if (deployment != nullptr && deployment->rollout && deployment->rollout->selector.is_object()) {
    layout.selector = deployment->rollout->selector;
  }
  layout.replicas = replicas_to_apply(team, live);
  return layout;
}

void plan_child(const DesiredChild& desired, const Child* live, Plan& plan) {
  plan.wanted.at(index(desired.slot)) = true;
  if (live == nullptr) {
    plan.actions.emplace_back(ApplyChild{desired.slot, desired.object, {}});
    return;
  }
  if (live->meta.deleting) {
    plan.terminating.push_back(desired.slot);
    return;
  }
  if (live->foreign_controller) {
    plan.stalls.push_back(
        {"Conflict", object_name(desired.slot, live->meta.key) +
                         " is controlled by something else; it is left alone. Remove its owner "
                         "reference or delete it"});
    return;
  }
  if (live->owned == kube::fingerprint_of(desired.object)) return;
  plan.actions.emplace_back(ApplyChild{desired.slot, desired.object, live->meta.uid,
                                       live->managed_by == ManagedBy::Legacy || !live->owned});
}

void plan_deletion_of(const Child& child, Plan& plan) {
  if (!child.meta.deleting && !child.foreign_controller) {
    plan.actions.emplace_back(DeleteChild{*child.slot, child.meta.key, child.meta.uid});
  }
}

bool serves_runs(Slot slot) { return slot == Slot::AgentDeployment || slot == Slot::AgentService; }

bool is_schedule(Slot slot) { return slot == Slot::PipelineCronJob || slot == Slot::DiscoveryCronJob; }

// Whether the Config Service may still name a runtime that the team is not to have: until it was read there
// that it does not.
bool may_be_published(const Observed& observed) {
  const domain::PlatformStatus& memory = domain::platform_of(observed.team->status);
  return !memory.published_url.empty() ||
         memory.synced_config != config_digest(*observed.team, observed.contested, "", false);
}

// What the Service sends to and the policies protect goes first, what protects it last. Nothing that runs are
// sent to goes while the Config Service may name it, and no schedule before it is known that there is none.
void plan_pruning(const Observed& observed, const Occupancy& live, const BuildContext& build, Plan& plan) {
  const Team& team = *observed.team;
  const domain::PlatformStatus& memory = domain::platform_of(team.status);
  const bool unread = build.platform && team.spec.pipeline && !memory.schedules &&
                      team.spec.pipeline->source == domain::ScheduleSource::ConfigService;
  for (std::size_t i = kSlotCount; i-- > 0;) {
    const Child* child = live.at.at(i);
    if (child == nullptr || plan.wanted.at(i) || (unread && is_schedule(*child->slot))) continue;
    if (build.platform && serves_runs(*child->slot) && may_be_published(observed)) {
      plan.withdrawing = true;
    } else {
      plan_deletion_of(*child, plan);
    }
  }
  for (const Child* child : live.surplus) plan_deletion_of(*child, plan);
}

// Tokens that are revoked leave no Secret behind; one that stays valid stays with the children.
void plan_token_farewell(const Observed& observed, Plan& plan) {
  const Team& team = *observed.team;
  const bool retain = domain::platform_of(team.spec).deletion == domain::ConfigPolicy::Retain;
  const bool collected = team.spec.children == domain::ChildrenPolicy::Delete;  // what names its owner
  for (const HeldTokenPointer& secret : observed.token_secrets) {
    const bool owned = secret->meta.controller_uid == team.meta.uid;
    if (secret->meta.deleting || (owned && collected)) continue;
    if (!owned && observed.owner) continue;  // that team's, then
    if (retain) {
      if (owned) plan.actions.emplace_back(ReleaseTokenSecret{secret->meta.key, secret->meta.uid});
    } else {
      plan.actions.emplace_back(DeleteTokenSecret{secret->meta.key, secret->meta.uid});
    }
  }
}

// The children of a team without a finalizer follow it by the garbage collector; nothing is left to us.
Plan plan_farewell(const Observed& observed, const BuildContext& build) {
  Plan plan;
  plan.write_status = false;
  const Team& team = *observed.team;
  if (team.finalizer_index < 0) return plan;
  // A team that another resource owns has nothing of its own there.
  plan.platform = build.platform && !observed.owner;
  if (team.spec.children == domain::ChildrenPolicy::Orphan) {
    for (const ChildPointer& child : observed.children) {
      if (child->meta.controller_uid != team.meta.uid || child->meta.deleting) continue;
      plan.actions.emplace_back(ReleaseChild{*child->slot, child->meta.key, child->meta.uid});
    }
  }
  plan_token_farewell(observed, plan);
  plan.actions.emplace_back(RemoveFinalizer{});
  return plan;
}

Plan stalled(std::string reason, std::string message) {
  Plan plan;
  plan.stalls.push_back({std::move(reason), std::move(message)});
  return plan;
}

// The routing lists go on without them.
void plan_conflicts(const Observed& observed, Plan& plan) {
  if (observed.contested.empty()) return;
  std::string message;
  for (const auto& [claim, holder] : observed.contested) {
    message += message.empty() ? "" : "; ";
    message.append(domain::kRoutingKinds.at(static_cast<std::size_t>(claim.first)).field).append(" ");
    message.append(claim.second).append(" belongs to TeamProvisioning ").append(holder);
  }
  plan.stalls.push_back({"RoutingConflict", message + ", which is older; all else is in effect"});
}

// Once the team's token is in its Secret: that has to have its owner, and one under a name that the team no
// longer uses has to go.
void plan_token_secrets(const Observed& observed, Plan& plan) {
  const Team& team = *observed.team;
  const std::string& current = domain::platform_of(team.status).token_secret;
  if (current.empty() || current != token_secret_name(team)) return;
  for (const HeldTokenPointer& secret : observed.token_secrets) {
    const kube::ObjectMeta& meta = secret->meta;
    if (meta.deleting) continue;
    if (meta.key.name != current) {
      plan.actions.emplace_back(DeleteTokenSecret{meta.key, meta.uid});
    } else if (meta.controller_uid.empty()) {
      plan.actions.emplace_back(ClaimTokenSecret{meta.key, meta.uid, owner_reference(team)});
    }
  }
}

// The children are made from the release that the status names, so a move is written there first.
void plan_release(const Observed& observed, const domain::ReleaseStatus& current, Plan& plan) {
  const auto changes_agent = [](const Action& action) {
    const auto* const apply = std::get_if<ApplyChild>(&action);
    return apply != nullptr && apply->slot == Slot::AgentDeployment;
  };
  const bool applied = std::none_of(plan.actions.begin(), plan.actions.end(), changes_agent);
  const Rollout rollout = rollout_of(observed);
  const domain::ReleaseStatus next = next_release(observed, current, applied, rollout);
  plan.again = next.active != current.active;
  if (next != domain::ReleaseStatus{} || observed.team->status.release) plan.release = next;
  if (next.phase == domain::ReleasePhase::RolledBack) {
    plan.stalls.push_back(
        {"RolledBack", describe_release(next.failed) +
                           " did not become ready before its deadline; the team is back on " +
                           describe_release(next.active) + ". Name another release, or set the annotation " +
                           std::string{domain::kRequestedAt} + " to try this one again"});
  }
  if (!observed.releases.problem.empty()) {
    plan.stalls.push_back({"ReleaseNotFound", observed.releases.problem + "; the team stays on " +
                                                  describe_release(next.active)});
  }
}

Plan plan_team(const Observed& observed, const BuildContext& platform) {
  const Team& team = *observed.team;
  Plan plan;
  plan.platform = platform.platform;
  plan.bootstrap = platform.platform && platform.bootstrap &&
                   (!team.spec.pipeline || team.spec.pipeline->bootstrap == domain::BootstrapPolicy::Once);
  const bool needs_finalizer =
      team.spec.children == domain::ChildrenPolicy::Orphan || platform.platform || team.status.platform;
  if (needs_finalizer && team.finalizer_index < 0) plan.actions.emplace_back(AddFinalizer{});
  if (!needs_finalizer && team.finalizer_index >= 0) plan.actions.emplace_back(RemoveFinalizer{});

  if (is_first_pass(observed) && !observed.releases.problem.empty())
    return stalled("ReleaseNotFound", observed.releases.problem);
  const domain::ReleaseStatus current = current_release(observed);
  const domain::AgentRelease* release = release_object(observed, current.active);
  if (release == nullptr && !current.active.empty()) {
    return stalled("ReleaseNotFound", describe_release(current.active) +
                                          ", which the team runs, is gone, and " + observed.releases.problem +
                                          "; what runs is left as it is");
  }
  const BuildContext build = release == nullptr ? platform : with_release(platform, release->spec);
  plan.agent_port = agent_port(team, build);

  const Layout defaults = default_layout(team);
  const Occupancy live = occupy(observed, defaults);
  const Layout layout = layout_of(team, live, defaults);
  DesiredState desired = desired_state(team, build, layout);
  for (const std::string& account : desired.service_accounts) {
    const auto& existing = observed.service_accounts;
    if (std::find(existing.begin(), existing.end(), account) != existing.end()) continue;
    plan.actions.emplace_back(CreateServiceAccount{service_account(team.meta.key.ns, account)});
  }
  for (DesiredChild& child : desired.children) {
    const Child* const existing = live.at.at(index(child.slot));
    // The number that is held is that of this version: an autoscaler that has just acted must not be
    // overruled.
    if (child.slot == Slot::AgentDeployment && existing != nullptr && layout.replicas &&
        is_scaled(team, live))
      child.object["metadata"]["resourceVersion"] = existing->meta.resource_version;
    plan_child(child, existing, plan);
  }
  plan_pruning(observed, live, build, plan);
  plan_release(observed, current, plan);
  if (build.platform) {
    plan_token_secrets(observed, plan);
    plan_conflicts(observed, plan);
  }
  return plan;
}

struct Describe {
  std::string operator()(const AddFinalizer& /*action*/) const { return "add the finalizer"; }

  std::string operator()(const RemoveFinalizer& /*action*/) const { return "remove the finalizer"; }

  std::string operator()(const CreateServiceAccount& action) const {
    return "create ServiceAccount " + key_of(action.object).str();
  }

  std::string operator()(const ApplyChild& action) const {
    return "apply " + object_name(action.slot, key_of(action.object)) +
           (action.uid.empty() ? " (create)"
            : action.adopt     ? " (adopt)"
                               : " (update)");
  }

  std::string operator()(const DeleteChild& action) const {
    return "delete " + object_name(action.slot, action.key);
  }

  std::string operator()(const ReleaseChild& action) const {
    return "release " + object_name(action.slot, action.key);
  }

  std::string operator()(const DeleteTokenSecret& action) const {
    return "delete Secret " + action.key.str();
  }

  std::string operator()(const ReleaseTokenSecret& action) const {
    return "release Secret " + action.key.str();
  }

  std::string operator()(const ClaimTokenSecret& action) const { return "claim Secret " + action.key.str(); }
};

}  // namespace

Plan make_plan(const Observed& observed, const BuildContext& build) {
  const Team& team = *observed.team;
  if (team.meta.deleting) return plan_farewell(observed, build);
  if (team.spec.suspend || team.paused) {
    Plan plan;
    plan.write_status = false;
    return plan;
  }
  if (!team.errors.empty()) return stalled("InvalidSpec", domain::describe(team.errors));
  if (const auto errors = check_policy(team, build); !errors.empty()) {
    return stalled("InvalidSpec", domain::describe(errors));
  }
  if (observed.owner) {
    return stalled("DuplicateTeam",
                   "team " + team.spec.org_id + "/" + team.spec.team_node_id +
                       " belongs to TeamProvisioning " + observed.owner->meta.key.str() +
                       ", which is older; this one touches nothing and takes over when that is gone");
  }
  return plan_team(observed, build);
}

std::string describe(const Action& action) { return std::visit(Describe{}, action); }

kube::ObjectKey key_of(const Json& object) {
  const Json& metadata = object.at("metadata");
  return {metadata.at("namespace").get<std::string>(), metadata.at("name").get<std::string>()};
}

std::string_view kind_of(const Action& action) {
  return std::visit(
      []<class T>(const T& a) -> std::string_view {
        if constexpr (requires { a.slot; }) {
          return info(a.slot).type.kind;
        } else if constexpr (std::is_same_v<T, CreateServiceAccount>) {
          return kube::kServiceAccounts.kind;
        } else if constexpr (std::is_same_v<T, DeleteTokenSecret> || std::is_same_v<T, ReleaseTokenSecret> ||
                             std::is_same_v<T, ClaimTokenSecret>) {
          return kube::kSecrets.kind;
        } else {
          return domain::kTeamProvisionings.kind;  // its finalizer
        }
      },
      action);
}

}  // namespace tp::provisioner
