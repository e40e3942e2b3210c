#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace tp::domain {

// Kubernetes names and label values for a team. Two different (org, team) pairs never get the same name of
// one kind or the same pair of label values: label values are in selectors, so tenants that shared one would
// receive each other's traffic.
//
// A name is the readable "<prefix>-<org>-<team>" whenever that says everything and fits:
//   - org is one or more of [a-z0-9], so the first '-' after the prefix ends it and what follows is the team,
//   whole;
//   - team is a lower-case DNS label: [a-z0-9-], alphanumeric at both ends, without "--";
//   - the result is not longer than its kind allows. Each kind decides by itself: a long team's Deployment
//   can be readable
//     while its CronJobs, which have 11 characters less, are not.
// All others are "<prefix>-<what can be read of org and team>--<hash>". No readable name contains "--", so
// the two forms never meet; among the hashed, the hash is over the raw ids (org NUL team, and ids contain no
// NUL) and tells them apart: "Acme" and "acme", "a-b"+"c" and "a"+"b-c", and long ids with equal beginnings.
//
// The hash is SHA-256 in base32 (RFC 4648, lower-case), cut to kNameHash characters in names and kLabelHash
// in labels. Tenants choose ids and can search offline. To take a given team's name costs 2^80 hashes. A
// tenant who makes up both ids of a pair needs 2^40, which is within reach, so names alone keep nobody out:
// the pair he gains is his own, the second team of it is a Conflict (children are ours by owner and raw ids,
// never by name), and 52 characters leave no room for more. Labels do decide who receives traffic, and have
// the room: 130 bits, 2^65 for a pair of one's own.

inline constexpr std::size_t kMaxCronJobName = 52;  // the Job controller adds 11 characters for its Jobs
inline constexpr std::size_t kMaxServiceName = 63;  // RFC 1035 label; also used for Deployments
inline constexpr std::size_t kMaxLabelValue = 63;
inline constexpr std::size_t kNameHash = 16;   // 80 bits
inline constexpr std::size_t kLabelHash = 26;  // 130 bits

struct TeamNames {
  std::string pipeline;   // CronJob ai-pipeline-…
  std::string discovery;  // CronJob dep-discovery-…
  std::string agent;      // Deployment, Service and what belongs to them: agent-dedicated-…
  std::string token{};    // Secret team-token-…; the legacy service had none

  friend bool operator==(const TeamNames&, const TeamNames&) = default;
};

[[nodiscard]] TeamNames names_for(std::string_view org_id, std::string_view team_node_id);

// Name for the TeamProvisioning of a team that has none yet: team-<org>-<team>, by the same rule.
[[nodiscard]] std::string resource_name_for(std::string_view org_id, std::string_view team_node_id);

// Value of a label for an id: the id itself when it is a valid label value (1..63 of [A-Za-z0-9._-],
// alphanumeric at both ends) and does not contain "--"; otherwise what can be read of it, "--" and the hash
// of the id. Injective in the id. Values compare by case, as Kubernetes does.
[[nodiscard]] std::string label_value(std::string_view id);

// What the service that came before used (existing objects are found by it): lower-case, '_' and '.' to '-',
// cut to 63; names cut to 20 and 30 characters of org and team. Not injective: a match must be confirmed by
// the raw ids.
[[nodiscard]] std::string legacy_label_value(std::string_view id);
[[nodiscard]] TeamNames legacy_names_for(std::string_view org_id, std::string_view team_node_id);

}  // namespace tp::domain
