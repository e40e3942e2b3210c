#pragma once

#include <string>

#include <nlohmann/json.hpp>

#include "crypto/secret.h"

namespace tp::gateway {

// What a run needs of a team's effective configuration. Teams write it themselves: nothing in it is trusted.
struct TeamContext {
  std::string entrance_agent = "planner";
  std::string dedicated_url{};  // without trailing '/'; empty: the shared agent
  crypto::Secret slack_bot_token{};
  crypto::Secret github_token{};
  nlohmann::json output_config = nlohmann::json::object();
  nlohmann::json notifications = nlohmann::json::object();
};

// `config`: the member "effective_config" of the Config Service's answer. What is absent or of another type
// than it should be has its default.
[[nodiscard]] TeamContext team_context(const nlohmann::json& config);

}  // namespace tp::gateway
