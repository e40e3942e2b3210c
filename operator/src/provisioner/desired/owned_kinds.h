#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "kube/core/resource.h"

namespace tp::provisioner {

// The children that a team can have, one of each at most. The order is the order in which they are applied:
// what restricts a pod before the pod, the Service last. They are taken away in the opposite order: an
// autoscaler before what it scales.
enum class Slot : std::uint8_t {
  PipelineCronJob,
  DiscoveryCronJob,
  AgentNetworkPolicy,
  AgentDisruptionBudget,
  AgentDeployment,
  AgentAutoscaler,
  AgentService,
};

inline constexpr std::size_t kSlotCount = 7;

struct SlotInfo {
  kube::ResourceType type;
  std::string_view app;        // label app.kubernetes.io/name; tells the two CronJobs apart
  std::string_view component;  // label app.kubernetes.io/component
};

inline constexpr std::array<SlotInfo, kSlotCount> kSlots{{
    {kube::kCronJobs, "ai-pipeline", "scheduled-ingestion"},
    {kube::kCronJobs, "dependency-discovery", "scheduled-discovery"},
    {kube::kNetworkPolicies, "incidentfox-agent", "dedicated-agent"},
    {kube::kPodDisruptionBudgets, "incidentfox-agent", "dedicated-agent"},
    {kube::kDeployments, "incidentfox-agent", "dedicated-agent"},
    {kube::kHorizontalPodAutoscalers, "incidentfox-agent", "dedicated-agent"},
    {kube::kServices, "incidentfox-agent", "dedicated-agent"},
}};

[[nodiscard]] constexpr const SlotInfo& info(Slot slot) { return kSlots.at(static_cast<std::size_t>(slot)); }

// The kinds behind the slots: one watch and one store for each, and what the operator's role must allow.
inline constexpr std::array<kube::ResourceType, 6> kOwnedKinds{
    kube::kCronJobs,    kube::kNetworkPolicies,          kube::kPodDisruptionBudgets,
    kube::kDeployments, kube::kHorizontalPodAutoscalers, kube::kServices};

// The slot of an object of this kind with this app.kubernetes.io/name.
[[nodiscard]] std::optional<Slot> slot_of(const kube::ResourceType& type, std::string_view app) noexcept;

}  // namespace tp::provisioner
