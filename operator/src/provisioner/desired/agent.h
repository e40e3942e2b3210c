#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include <nlohmann/json_fwd.hpp>

#include "domain/team_provisioning.h"
#include "provisioner/desired/build_context.h"

namespace tp::provisioner {

// The dedicated runtime. Every builder answers nothing when the team must not have the object. `selector` is
// the label map that selects the agent's pods: of an existing Deployment its own, since it cannot be changed.

inline constexpr int kAgentHealthPort = 8081;

[[nodiscard]] std::optional<nlohmann::json> build_agent_deployment(const domain::TeamProvisioning& team,
                                                                   const BuildContext& build,
                                                                   const std::string& name,
                                                                   const nlohmann::json& selector);
[[nodiscard]] std::optional<nlohmann::json> build_agent_service(const domain::TeamProvisioning& team,
                                                                const BuildContext& build,
                                                                const std::string& name,
                                                                const nlohmann::json& selector);
// Only with networkIsolation: Enabled, or for governance.dataLocality.egressCIDRs, which are then what is
// left of the internet. These alone restrict nothing on the way in.
[[nodiscard]] std::optional<nlohmann::json> build_agent_network_policy(const domain::TeamProvisioning& team,
                                                                       const BuildContext& build,
                                                                       const std::string& name,
                                                                       const nlohmann::json& selector);
// Above one replica, or when the team asks for one.
[[nodiscard]] std::optional<nlohmann::json> build_agent_disruption_budget(
    const domain::TeamProvisioning& team, const std::string& name, const nlohmann::json& selector);

// Where the agent serves: the team's own port, else the one of `build`.
[[nodiscard]] std::int64_t agent_port(const domain::TeamProvisioning& team, const BuildContext& build);

// Where the team's agent is reached: http://<service>.<namespace>.svc.cluster.local:<port>
[[nodiscard]] std::string agent_url(const domain::TeamProvisioning& team,
                                    const std::string& service_name,
                                    std::int64_t port);

}  // namespace tp::provisioner
