#pragma once

#include <string>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

#include "domain/team_provisioning.h"
#include "provisioner/desired/build_context.h"

namespace tp::provisioner {

// What all our pods have in common. The security contexts satisfy the "restricted" Pod Security Standard.

// service account, no API token, pull secrets, security context.
[[nodiscard]] nlohmann::json pod_basics(const std::string& service_account, const BuildContext& build);
[[nodiscard]] nlohmann::json container_security_context();
// The team's own, or the platform's default.
[[nodiscard]] nlohmann::json resources_or(const domain::Resources& own,
                                          std::string_view cpu_request,
                                          std::string_view memory_request,
                                          std::string_view cpu_limit,
                                          std::string_view memory_limit);
// One literal variable.
[[nodiscard]] nlohmann::json env_literal(std::string_view name, std::string_view value);

}  // namespace tp::provisioner
