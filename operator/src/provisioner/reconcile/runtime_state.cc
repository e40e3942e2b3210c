#include "provisioner/reconcile/runtime_state.h"

#include <algorithm>

#include "provisioner/desired/agent.h"

namespace tp::provisioner {
namespace {

std::int64_t enough(const Observed& observed, const RolloutState& state) {
  const auto& own = observed.team->spec.dedicated;
  if (!own || !own->autoscaling) return state.wanted;
  return std::min(state.wanted, own->autoscaling->min_replicas);
}

}  // namespace

const Child* find_child(const Observed& observed, Slot slot) {
  const auto found =
      std::find_if(observed.children.begin(), observed.children.end(),
                   [&](const ChildPointer& child) { return child->slot == slot && !child->meta.deleting; });
  return found == observed.children.end() ? nullptr : found->get();
}

Rollout rollout_of(const Observed& observed) {
  const Child* const deployment = find_child(observed, Slot::AgentDeployment);
  if (deployment == nullptr || !deployment->rollout) return Rollout::Absent;
  const RolloutState& state = *deployment->rollout;
  if (state.observed_generation < deployment->meta.generation) return Rollout::Progressing;
  const std::int64_t least = enough(observed, state);
  if (state.updated < least || state.total > state.updated) {
    return state.deadline_exceeded ? Rollout::Failed : Rollout::Progressing;
  }
  if (state.available < least) return state.deadline_exceeded ? Rollout::Failed : Rollout::Unavailable;
  return Rollout::Complete;
}

bool is_available(const Observed& observed) {
  const Child* const deployment = find_child(observed, Slot::AgentDeployment);
  if (deployment == nullptr || !deployment->rollout) return false;
  const RolloutState& state = *deployment->rollout;
  return state.wanted > 0 && state.available >= enough(observed, state);
}

std::string runtime_url(const Observed& observed, const Plan& plan) {
  const Child* service = find_child(observed, Slot::AgentService);
  if (!plan.wants(Slot::AgentService) || service == nullptr) return {};
  std::string url = agent_url(*observed.team, service->meta.key.name, plan.agent_port);
  const bool published = observed.team->status.service_url == url;
  return published || is_available(observed) ? url : std::string{};
}

}  // namespace tp::provisioner
