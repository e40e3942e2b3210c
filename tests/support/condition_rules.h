#pragma once

#include <cstdint>
#include <string>

#include "domain/team_provisioning.h"
#include "kube/core/condition.h"

namespace tp::test {

// What fluxcd/pkg's runtime/conditions/check and kstatus demand of a status at the end of a pass. Answers the
// first rule that is broken, or "".
inline std::string broken_condition_rules(const domain::TeamStatus& status, std::int64_t generation) {
  using kube::ConditionStatus;
  const auto find = [&](std::string_view type) { return kube::find_condition(status.conditions, type); };
  const auto* ready = find("Ready");
  const auto* stalled = find("Stalled");
  const auto* reconciling = find("Reconciling");
  if (ready == nullptr) return "no Ready";
  if (stalled != nullptr && reconciling != nullptr) return "both Stalled and Reconciling";
  for (const auto* negative : {stalled, reconciling}) {
    if (negative == nullptr) continue;
    if (negative->status != ConditionStatus::True) return negative->type + " kept although not True";
    if (ready->status != ConditionStatus::False) return "Ready not False beside " + negative->type;
    if (ready->reason != negative->reason || ready->message != negative->message)
      return "Ready does not mirror " + negative->type;
  }
  if (ready->status == ConditionStatus::Unknown) return "Ready unknown at the end of a pass";
  if (status.observed_generation != generation) return "observedGeneration is not the generation";
  for (const auto& condition : status.conditions) {
    if (condition.observed_generation != generation) return condition.type + " has another generation";
    if (condition.reason.empty()) return condition.type + " without reason";
    if (condition.last_transition_time.empty()) return condition.type + " without lastTransitionTime";
  }
  return "";
}

}  // namespace tp::test
