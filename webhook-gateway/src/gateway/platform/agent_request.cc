#include "gateway/platform/agent_request.h"

#include <algorithm>

#include "platform/remote.h"

namespace tp::gateway {
namespace {

using nlohmann::json;

// For an agent without a time limit of ours its own applies, 600 s; to that, as to any, comes what it needs
// to answer.
constexpr std::chrono::seconds kAgentsOwnTimeout{600};
constexpr std::chrono::seconds kToAnswer{10};
constexpr std::chrono::seconds kShortestWait{30};

}  // namespace

const RunLimits& AgentSettings::limits(std::string_view trigger_source) const noexcept {
  if (trigger_source == "slack") return slack;
  if (trigger_source == "github") return github;
  if (trigger_source == "pagerduty") return pagerduty;
  if (trigger_source == "incidentio") return incidentio;
  if (trigger_source == "probe") return probe;
  return generic;
}

Result<AgentCall> agent_call(const AgentSettings& settings, const AgentRun& run) {
  constexpr std::string_view kName = "{name}";
  TP_ASSIGN_OR_RETURN(const std::string name, platform::path_segment(run.agent_name));
  std::string path = settings.path;
  if (const auto at = path.find(kName); at != std::string::npos) path.replace(at, kName.size(), name);

  json body{{"message", run.message}};
  if (!run.context.is_null()) body["context"] = run.context;
  if (run.timeout) body["timeout"] = run.timeout->count();
  if (run.max_turns) body["max_turns"] = *run.max_turns;
  if (run.output_destinations) body["output_destinations"] = *run.output_destinations;
  if (!run.trigger_source.empty()) body["trigger_source"] = run.trigger_source;

  AgentCall call{platform::json_request(http::Method::Post, std::move(path), body),
                 std::max(kShortestWait, run.timeout.value_or(kAgentsOwnTimeout) + kToAnswer)};
  call.request.headers.add("X-IncidentFox-Team-Token", std::string{run.team_token.reveal()});
  call.request.headers.add("X-Correlation-ID", run.event_id.str());
  call.request.headers.add("Idempotency-Key", run.event_id.str());
  return call;
}

}  // namespace tp::gateway
