#include "provisioner/reconcile/runtime_state.h"

#include <algorithm>

#include "provisioner/desired/agent.h"

namespace tp::provisioner {

const Child* find_child(const Observed& observed, Slot slot) {
  const auto found =
      std::find_if(observed.children.begin(), observed.children.end(),
                   [&](const ChildPointer& child) { return child->slot == slot && !child->meta.deleting; });
  return found == observed.children.end() ? nullptr : found->get();
}

Rollout rollout_of(const Child* deployment) {
  if (deployment == nullptr || !deployment->rollout) return Rollout::Absent;
  const RolloutState& state = *deployment->rollout;
  if (state.observed_generation < deployment->meta.generation) return Rollout::Progressing;
  if (state.updated < state.wanted || state.total > state.updated) {
    return state.deadline_exceeded ? Rollout::Failed : Rollout::Progressing;
  }
  if (state.available < state.wanted) return state.deadline_exceeded ? Rollout::Failed : Rollout::Unavailable;
  return Rollout::Complete;
}

bool is_available(const Child* deployment) {
  return deployment != nullptr && deployment->rollout && deployment->rollout->wanted > 0 &&
         deployment->rollout->available >= deployment->rollout->wanted;
}

std::string runtime_url(const Observed& observed, const Plan& plan) {
  const Child* service = find_child(observed, Slot::AgentService);
  if (!plan.wants(Slot::AgentService) || service == nullptr) return {};
  std::string url = agent_url(*observed.team, service->meta.key.name, plan.agent_port);
  const bool published = observed.team->status.service_url == url;
  return published || is_available(find_child(observed, Slot::AgentDeployment)) ? url : std::string{};
}

}  // namespace tp::provisioner
