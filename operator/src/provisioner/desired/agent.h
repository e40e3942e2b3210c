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
// `replicas`: nothing when somebody else decides.

inline constexpr int kAgentHealthPort = 8081;

[[nodiscard]] std::optional<nlohmann::json> build_agent_deployment(const domain::TeamProvisioning& team,
                                                                   const BuildContext& build,
                                                                   const std::string& name,
                                                                   const nlohmann::json& selector,
                                                                   std::optional<std::int64_t> replicas);
// `deployment`: the name of what it scales.
[[nodiscard]] std::optional<nlohmann::json> build_agent_autoscaler(const domain::TeamProvisioning& team,
                                                                   const std::string& name,
                                                                   const std::string& deployment);
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
// Where there may be more than one replica, or when the team asks for one.
[[nodiscard]] std::optional<nlohmann::json> build_agent_disruption_budget(
    const domain::TeamProvisioning& team, const std::string& name, const nlohmann::json& selector);

// How many replicas the team asks for; with an autoscaler, how many to begin with.
[[nodiscard]] std::int64_t initial_replicas(const domain::TeamProvisioning& team);

// Where the agent serves: the team's own port, else the one of `build`.
[[nodiscard]] std::int64_t agent_port(const domain::TeamProvisioning& team, const BuildContext& build);

// Where the team's agent is reached: http://<service>.<namespace>.svc.cluster.local:<port>
[[nodiscard]] std::string agent_url(const domain::TeamProvisioning& team,
                                    const std::string& service_name,
                                    std::int64_t port);

}  // namespace tp::provisioner
