#pragma once

#include <compare>
#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

namespace tp::kube {

// A resource of the API: what a URL and a manifest need to name it. All members point to static text.
struct ResourceType {
  std::string_view group;  // empty for the core group
  std::string_view version;
  std::string_view plural;  // as in URLs
  std::string_view kind;
  bool namespaced = true;

  [[nodiscard]] std::string api_version() const;  // "apps/v1", "v1"

  friend bool operator==(const ResourceType&, const ResourceType&) = default;
};

inline constexpr ResourceType kDeployments{"apps", "v1", "deployments", "Deployment"};
inline constexpr ResourceType kCronJobs{"batch", "v1", "cronjobs", "CronJob"};
inline constexpr ResourceType kSecrets{"", "v1", "secrets", "Secret"};
inline constexpr ResourceType kServices{"", "v1", "services", "Service"};
inline constexpr ResourceType kServiceAccounts{"", "v1", "serviceaccounts", "ServiceAccount"};
inline constexpr ResourceType kEvents{"events.k8s.io", "v1", "events", "Event"};
inline constexpr ResourceType kNetworkPolicies{"networking.k8s.io", "v1", "networkpolicies", "NetworkPolicy"};
inline constexpr ResourceType kPodDisruptionBudgets{"policy", "v1", "poddisruptionbudgets",
                                                    "PodDisruptionBudget"};
inline constexpr ResourceType kHorizontalPodAutoscalers{"autoscaling", "v2", "horizontalpodautoscalers",
                                                        "HorizontalPodAutoscaler"};

// Namespace and name; what queues, stores and logs call an object. The namespace is empty for cluster-scoped
// ones.
struct ObjectKey {
  std::string ns;
  std::string name;

  [[nodiscard]] std::string str() const { return ns.empty() ? name : ns + "/" + name; }

  // NOLINTNEXTLINE(modernize-use-nullptr): clang-tidy 14 takes the generated 0 for a pointer
  friend auto operator<=>(const ObjectKey&, const ObjectKey&) = default;
};

// resourceVersions compare as decimal integers of any length (KEP-5504): by length, then by digits.
// An empty one is older than every other.
[[nodiscard]] std::strong_ordering compare_resource_versions(std::string_view a, std::string_view b) noexcept;

}  // namespace tp::kube

template <>
struct std::hash<tp::kube::ObjectKey> {
  std::size_t operator()(const tp::kube::ObjectKey& key) const noexcept {
    const std::size_t h = std::hash<std::string>{}(key.ns);
    return h ^ (std::hash<std::string>{}(key.name) + 0x9e3779b97f4a7c15ULL + (h << 6U) + (h >> 2U));
  }
};
