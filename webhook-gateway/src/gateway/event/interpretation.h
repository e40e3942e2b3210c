#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <nlohmann/json.hpp>

// What an event asks for: the answer of a source's interpret(). Pure values.
namespace tp::gateway {

// What the Config Service can look a team up by, e.g. {"slack_channel_id", "C0123"}.
struct Identifier {
  std::string type;
  std::string value;

  // NOLINTNEXTLINE(modernize-use-nullptr): it takes the 0 behind "= default" for a pointer
  friend auto operator<=>(const Identifier&, const Identifier&) = default;
};

// Nothing is to be done; the event is kept for the record.
struct Ignore {
  std::string
      reason;  // a short word for people and metrics, e.g. "bot", "no_mention", "event_type"; a closed set
};

struct SlackThread {
  std::string channel_id;
  std::string thread_ts;  // of the thread's first message
  std::string event_ts;
  std::string user_id;
  std::string team_id;  // workspace
};

struct GitHubTarget {
  std::string repo;  // owner/name
  std::optional<std::int64_t> pr_number;
  std::optional<std::int64_t> issue_number;
};

// An agent run for the team that the identifiers lead to.
struct RunRequest {
  std::vector<Identifier>
      identifiers{};             // tried together, in the Config Service's order; empty: by the scope alone
  std::string trigger_source{};  // "slack", "github", ...: told to the agent, and picks its limits
  std::string agent_name{};      // empty: the team's entrance agent
  std::string message{};         // empty only for Slack: then the user is asked what to investigate
  nlohmann::json context = nlohmann::json::object();
  std::optional<SlackThread> slack{};
  std::optional<GitHubTarget> github{};
  std::optional<std::string> incident_id{};
};

// A click on a feedback button under an agent's answer.
struct Feedback {
  std::string run_id;
  std::string correlation_id;
  bool positive = true;
  std::string user_id;
  std::string response_url;  // lets anyone post in the user's name: never logged
};

// A click on a "view …" button: a dialog with the tool calls of one phase of a run.
struct ViewDetails {
  std::string run_id;
  std::string phase;
  std::string trigger_id;  // never logged
};

// Does this gateway work? Without a team it is answered once it is claimed; with one, when the team has had
// its turn and what its run needs is there; with a run, by the team's agent.
struct Probe {
  std::string org_id{};  // both or none
  std::string team_node_id{};
  std::optional<RunRequest> run{};  // only with a team
};

using Interpretation = std::variant<Ignore, RunRequest, Feedback, ViewDetails, Probe>;

[[nodiscard]] inline Interpretation ignore(std::string_view reason) { return Ignore{std::string{reason}}; }

}  // namespace tp::gateway
