#pragma once

#include <string>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

#include "domain/team_provisioning.h"

namespace tp::provisioner {

// Type of the Secret that holds a team's token. Nothing else is ever read or written as one.
inline constexpr std::string_view kTokenSecretType = "incidentfox.io/team-token";
// Annotation: id of the token in it, which is no secret.
inline constexpr std::string_view kTokenIdAnnotation = "incidentfox.io/token-id";
inline constexpr std::string_view kTokenKey = "token";  // of its data

// The name that the team chose, or one made from the ids.
[[nodiscard]] std::string token_secret_name(const domain::TeamProvisioning& team);

// An apply configuration, with the token in it.
[[nodiscard]] nlohmann::json build_token_secret(const domain::TeamProvisioning& team,
                                                const std::string& name,
                                                const std::string& token_id,
                                                std::string_view token);

}  // namespace tp::provisioner
