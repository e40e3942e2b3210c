#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace tp::domain {

// Kubernetes names and label values for a team. Two different (org, team) pairs never get the same name or the same pair of
// label values: label values are in selectors, so tenants that shared one would receive each other's traffic.
//
// Names are the readable "<prefix>-<org>-<team>" whenever that is injective and fits: both ids already lower-case DNS
// labels (nothing to replace), no '-' in the org (so the first dash after the prefix ends it), no "--" in either, and not
// longer than the kind allows. All others are a readable, sanitised and cut prefix + "--" + 10 hex digits of
// SHA-256(org NUL team); since a readable name never contains "--", the two forms cannot meet.

inline constexpr std::size_t kMaxCronJobName = 52;  // the Job controller adds 11 characters for its Jobs
inline constexpr std::size_t kMaxServiceName = 63;  // RFC 1035 label; also used for Deployments

struct TeamNames {
  std::string pipeline;    // CronJob ai-pipeline-…
  std::string discovery;   // CronJob dep-discovery-…
  std::string agent;       // Deployment, Service and what belongs to them: agent-dedicated-…
};

[[nodiscard]] TeamNames names_for(std::string_view org_id, std::string_view team_node_id);

// Value of a label for an id: the id itself when it is a valid label value (1..63 of [A-Za-z0-9._-], alphanumeric at both
// ends) and does not contain "--"; otherwise sanitised prefix + "--" + hash. Injective in the id. Values compare by case,
// as Kubernetes does.
[[nodiscard]] std::string label_value(std::string_view id);

// What the service that came before used (existing objects are found by it): lower-case, '_' and '.' to '-', cut to 63; names cut to
// 20 and 30 characters of org and team. Not injective: a match must be confirmed by the raw ids.
[[nodiscard]] std::string legacy_label_value(std::string_view id);
[[nodiscard]] TeamNames legacy_names_for(std::string_view org_id, std::string_view team_node_id);

}  // namespace tp::domain
