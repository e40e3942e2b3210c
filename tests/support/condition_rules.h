#pragma once

#include <cstdint>
#include <string>

#include "domain/team_provisioning.h"
#include "kube/core/condition.h"

namespace tp::test {

// What a condition of negative polarity (Stalled, Reconciling) demands of Ready.
inline std::string broken_beside(const kube::Condition& negative, const kube::Condition& ready) {
  if (negative.status != kube::ConditionStatus::True) return negative.type + " kept although not True";
  if (ready.status != kube::ConditionStatus::False) return "Ready not False beside " + negative.type;
  const bool mirrored = ready.reason == negative.reason && ready.message == negative.message;
  return mirrored ? "" : "Ready does not mirror " + negative.type;
}

inline std::string broken_alone(const kube::Condition& condition, std::int64_t generation) {
  if (condition.observed_generation != generation) return condition.type + " has another generation";
  if (condition.reason.empty()) return condition.type + " without reason";
  return condition.last_transition_time.empty() ? condition.type + " without lastTransitionTime" : "";
}

// What fluxcd/pkg's runtime/conditions/check and kstatus demand of a status at the end of a pass. Answers the
// first rule that is broken, or nothing.
inline std::string broken_condition_rules(const domain::TeamStatus& status, std::int64_t generation) {
  const auto* ready = kube::find_condition(status.conditions, "Ready");
  const auto* stalled = kube::find_condition(status.conditions, "Stalled");
  const auto* reconciling = kube::find_condition(status.conditions, "Reconciling");
  if (ready == nullptr) return "no Ready";
  if (ready->status == kube::ConditionStatus::Unknown) return "Ready unknown at the end of a pass";
  if (stalled != nullptr && reconciling != nullptr) return "both Stalled and Reconciling";
  if (status.observed_generation != generation) return "observedGeneration is not the generation";
  std::string broken;
  if (stalled != nullptr) broken = broken_beside(*stalled, *ready);
  if (reconciling != nullptr) broken = broken_beside(*reconciling, *ready);
  for (const auto& condition : status.conditions) {
    if (broken.empty()) broken = broken_alone(condition, generation);
  }
  return broken;
}

}  // namespace tp::test
