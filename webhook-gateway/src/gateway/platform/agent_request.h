#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "base/result.h"
#include "crypto/secret.h"
#include "gateway/event/event.h"
#include "http/types.h"

namespace tp::gateway {

// How long a run may take and how many turns it may use, as the agent is told.
struct RunLimits {
  std::chrono::seconds timeout{300};
  int max_turns = 50;

  friend bool operator==(const RunLimits&, const RunLimits&) = default;
};

struct AgentSettings {
  // Under the agent's base URL; {name} is the agent's.
  std::string path = "/agents/{name}/run";

  // By what started the run. The defaults are those that the platform has always used.
  RunLimits slack{};
  RunLimits github{std::chrono::seconds{180}, 30};
  RunLimits pagerduty{};
  RunLimits incidentio{};
  RunLimits generic{};
  RunLimits probe{std::chrono::seconds{60}, 1};

  // Generic for what it does not know.
  [[nodiscard]] const RunLimits& limits(std::string_view trigger_source) const noexcept;
};

// One run to ask an agent for. What is not given is not sent: the agent then uses its own default.
struct AgentRun {
  EventId event_id;
  crypto::Secret team_token;
  std::string agent_name;
  std::string message;
  nlohmann::json context{};  // null: none
  std::optional<std::chrono::seconds> timeout{};
  std::optional<int> max_turns{};
  std::optional<nlohmann::json> output_destinations{};  // an empty array is sent, and means nowhere
  std::string trigger_source{};
};

struct AgentCall {
  http::Request request{};           // for a client of the agent's base URL
  std::chrono::milliseconds wait{};  // how long to wait for the answer
};

// InvalidArgument when the agent's name can be no part of a path. The request holds secrets: the team's token
// and, in its body, those of the destinations.
[[nodiscard]] Result<AgentCall> agent_call(const AgentSettings& settings, const AgentRun& run);

}  // namespace tp::gateway
