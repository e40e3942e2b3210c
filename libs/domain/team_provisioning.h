#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include <nlohmann/json.hpp>

#include "kube/core/condition.h"
#include "kube/core/object_meta.h"
#include "kube/core/resource.h"

namespace tp::domain {

inline constexpr kube::ResourceType kTeamProvisionings{"incidentfox.io", "v1alpha1", "teamprovisionings",
                                                       "TeamProvisioning"};
inline constexpr std::string_view kFinalizer = "incidentfox.io/team-operator";
inline constexpr std::string_view kRequestedAt = "incidentfox.io/requestedAt";

// The resource as plain values, as small as they can be: a cache holds ten thousand of them. The schema in
// crds/ is the contract; every field here has the name, meaning and default that it has there. Parts that are
// passed on to Kubernetes as they are (resources, affinity, …) stay JSON.

// A Kubernetes ResourceRequirements: {"requests":{…},"limits":{…}}; null when absent.
using Resources = nlohmann::json;

enum class RuntimeMode : std::uint8_t { Shared, Dedicated };
enum class ChildrenPolicy : std::uint8_t { Delete, Orphan };

struct Pipeline {
  std::string schedule{};  // empty: no CronJob
  std::string time_zone{};
  bool suspend = false;
  std::string image{};
  Resources resources{};

  friend bool operator==(const Pipeline&, const Pipeline&) = default;
};

struct DependencyDiscovery {
  bool enabled = true;  // where it is absent
  std::string schedule{};
  std::string image{};
  Resources resources{};

  friend bool operator==(const DependencyDiscovery&, const DependencyDiscovery&) = default;
};

struct EnvVar {
  std::string name{};
  std::string value{};  // when secret_name is empty
  std::string secret_name{}, secret_key{};
  bool optional = false;

  friend bool operator==(const EnvVar&, const EnvVar&) = default;
};

// NOLINTNEXTLINE(bugprone-exception-escape): a json that is null allocates nothing
struct DedicatedRuntime {
  std::int64_t replicas = 1;
  Resources resources{};
  std::string image{};
  std::int64_t container_port = 8080;
  std::vector<EnvVar> env{};
  nlohmann::json node_selector{};  // map, or null
  nlohmann::json tolerations{};    // list, or null
  nlohmann::json affinity{};       // core/v1 Affinity, or null
  nlohmann::json
      topology_spread{};  // list of core/v1 TopologySpreadConstraint without labelSelector, or null
  std::string priority_class_name{};
  nlohmann::json disruption_budget{};  // {"minAvailable": …} or {"maxUnavailable": …}, or null
  bool network_isolation = false;

  friend bool operator==(const DedicatedRuntime&, const DedicatedRuntime&) = default;
};

struct TeamSpec {
  std::string org_id{};
  std::string team_node_id{};
  std::optional<Pipeline> pipeline{};
  std::optional<DependencyDiscovery> dependency_discovery{};
  RuntimeMode mode = RuntimeMode::Shared;
  std::shared_ptr<const DedicatedRuntime> dedicated{};  // null: all defaults. Shared between copies
  ChildrenPolicy children = ChildrenPolicy::Delete;
  bool suspend = false;
};

struct InventoryEntry {
  std::string api_version{}, kind{}, name{}, uid{};

  friend bool operator==(const InventoryEntry&, const InventoryEntry&) = default;
  friend bool operator<(const InventoryEntry& a, const InventoryEntry& b) {
    return std::tie(a.api_version, a.kind, a.name, a.uid) < std::tie(b.api_version, b.kind, b.name, b.uid);
  }
};

struct TeamStatus {
  std::int64_t observed_generation = -1;
  kube::Conditions conditions{};
  std::string service_url{};
  std::string last_handled_reconcile_at{};
  std::vector<InventoryEntry> inventory{};  // sorted

  friend bool operator==(const TeamStatus&, const TeamStatus&) = default;
};

struct TeamProvisioning {
  kube::ObjectMeta meta{};
  int finalizer_index = -1;    // of ours in metadata.finalizers; -1: absent
  std::string requested_at{};  // annotation kRequestedAt
  TeamSpec spec{};
  TeamStatus status{};
};

[[nodiscard]] std::string_view to_string(RuntimeMode mode) noexcept;

// Comparison by content, following TeamSpec::dedicated.
[[nodiscard]] bool operator==(const TeamSpec& a, const TeamSpec& b);
[[nodiscard]] bool operator==(const TeamProvisioning& a, const TeamProvisioning& b);

}  // namespace tp::domain
