#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tp::gateway {

// What the platform itself knows of a team's dedicated runtime: from the team's resource, which a team cannot
// write.
struct TeamRuntime {
  std::string url;
  bool ready = false;
};

struct AgentUrls {
  std::string shared;  // without trailing '/'
  // Hosts that dedicated runtimes may also have: exact ("agent.acme.example"), or with all below them
  // (".agents.svc.cluster.local"). Lower case, without port.
  std::vector<std::string> trusted_hosts{};
};

struct AgentBase {
  std::string url;
  bool dedicated = false;
  // For logs and metrics, a literal: "shared" (none asked for), "runtime", "trusted_host", "not_ready",
  // "untrusted" (it is neither the runtime's nor on a listed host) or "invalid" (no plain http(s) URL).
  std::string_view reason;
};

// Where a team's runs go. `wanted` is agent.dedicated_service_url of the team's configuration (empty: none),
// which any holder of a team token can set: a run carries the team's and Slack's tokens, so it is followed
// only where the platform vouches for the place; else the shared agent serves the team.
[[nodiscard]] AgentBase choose_base_url(std::string_view wanted,
                                        const std::optional<TeamRuntime>& runtime,
                                        const AgentUrls& urls);

}  // namespace tp::gateway
