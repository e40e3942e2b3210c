#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "domain/schema.h"
#include "domain/team_provisioning.h"
#include "json/document.h"
#include "kube/core/object_meta.h"
#include "kube/core/resource.h"

namespace tp::domain {

inline constexpr kube::ResourceType kAgentReleases{"incidentfox.io", "v1alpha1", "agentreleases",
                                                   "AgentRelease", false};
// Annotation "true": teams that name no release follow this one. Of several the newest counts, as with
// StorageClasses.
inline constexpr std::string_view kIsDefaultRelease = "incidentfox.io/is-default-release";

// Images that were tried together. The spec never changes, so a name always means the same.
struct ReleaseSpec {
  std::string agent_image{};
  std::string pipeline_image{}, discovery_image{};  // empty: the operator's own
  std::int64_t container_port = 0;                  // 0: the default
  std::vector<EnvVar> env{};
  std::chrono::seconds progress_deadline{600};
  bool auto_rollback = true;

  friend bool operator==(const ReleaseSpec&, const ReleaseSpec&) = default;
};

// How far the teams have followed.
struct ReleaseProgress {
  std::int64_t observed_generation = -1;
  bool is_default = false;
  std::int64_t teams = 0;        // run it, or are moving to it
  std::int64_t wanted = 0;       // are to run it
  std::int64_t progressing = 0;  // are moving to it
  std::int64_t failed = 0;       // were put back because it failed

  friend bool operator==(const ReleaseProgress&, const ReleaseProgress&) = default;
};

struct AgentRelease {
  kube::ObjectMeta meta{};
  bool marked_default = false;
  ReleaseSpec spec{};
  ReleaseProgress status{};
  std::vector<FieldError> errors{};  // what the schema would refuse: such a release is not used

  friend bool operator==(const AgentRelease&, const AgentRelease&) = default;
};

// As parse_team(); Error only when metadata cannot be read.
[[nodiscard]] Result<AgentRelease> parse_release(json::View object, bool manifest = false);

[[nodiscard]] nlohmann::json progress_to_json(const ReleaseProgress& progress);

// The newer of two, for the default: creationTimestamp, then name.
[[nodiscard]] bool newer(const AgentRelease& a, const AgentRelease& b) noexcept;

}  // namespace tp::domain
