#include "gateway/platform/destinations.h"

#include <string>

namespace tp::gateway {
namespace {

using nlohmann::json;

std::string text(const json& object, const std::string& key) {
  const auto it = object.find(key);
  return it != object.end() && it->is_string() ? it->get<std::string>() : std::string{};
}

class Resolver {
 public:
  Resolver(const TeamContext& team, const RunRequest& run, const crypto::Secret& bot_token)
      : team_(team), run_(run), bot_token_(team.slack_bot_token.empty() ? bot_token : team.slack_bot_token) {}

  [[nodiscard]] json resolve() const {
    if (run_.trigger_source == "probe") return json::array();  // nobody wants to read of it
    const std::string wish = override_of_trigger();
    if (wish == "comment_on_pr" && run_.github) return pull_request();
    json found = json::array();
    if (wish == "reply_in_thread") found = thread();
    if (wish == "use_default") found = defaults();
    if (found.empty()) found = suggested();
    if (found.empty()) found = defaults();
    if (found.empty()) found = channel(text(team_.notifications, "default_slack_channel_id"));
    return found;
  }

 private:
  [[nodiscard]] std::string override_of_trigger() const {
    const auto overrides = team_.output_config.find("trigger_overrides");
    return overrides == team_.output_config.end() ? "" : text(*overrides, run_.trigger_source);
  }

  [[nodiscard]] json suggested() const {
    if (run_.slack) return thread();
    if (run_.github) {
      json found = pull_request();
      if (found.empty() && run_.github->issue_number) {
        found.push_back({{"type", "github_issue_comment"},
                         {"repo", run_.github->repo},
                         {"issue_number", *run_.github->issue_number}});
      }
      append(found, channel(channel_of("github_output")));
      return found;
    }
    // The agent has no handler for notes at PagerDuty or incident.io, so none are asked for.
    if (run_.trigger_source == "pagerduty" || run_.trigger_source == "incidentio") {
      const std::string own = channel_of(run_.trigger_source + "_output");
      return channel(own.empty() ? text(team_.notifications, "default_slack_channel_id") : own);
    }
    return json::array();
  }

  [[nodiscard]] json thread() const {
    if (!run_.slack) return json::array();
    json slack = slack_channel(run_.slack->channel_id);
    slack["thread_ts"] = run_.slack->thread_ts;
    slack["user_id"] = run_.slack->user_id;
    return json::array({std::move(slack)});
  }

  [[nodiscard]] json pull_request() const {
    json found = json::array();
    if (run_.github && run_.github->pr_number) {
      found.push_back({{"type", "github_pr_comment"},
                       {"repo", run_.github->repo},
                       {"pr_number", *run_.github->pr_number}});
    }
    return found;
  }

  [[nodiscard]] json defaults() const {
    json found = json::array();
    const auto list = team_.output_config.find("default_destinations");
    if (list == team_.output_config.end() || !list->is_array()) return found;
    for (const json& wish : *list) {
      if (wish.is_object()) found.push_back(with_token(wish));
      // The service's own template says ["slack"].
      if (wish == "slack") append(found, channel(text(team_.notifications, "default_slack_channel_id")));
    }
    return found;
  }

  // Objects of the team are passed on as they are, but a Slack channel needs a token to be posted to.
  [[nodiscard]] json with_token(json destination) const {
    if (text(destination, "type") == "slack" && !destination.contains("bot_token")) add_token(destination);
    return destination;
  }

  void add_token(json& destination) const {
    if (!bot_token_.empty()) destination["bot_token"] = std::string{bot_token_.reveal()};
  }

  [[nodiscard]] json slack_channel(const std::string& id) const {
    json slack{{"type", "slack"}, {"channel_id", id}};
    add_token(slack);
    return slack;
  }

  [[nodiscard]] json channel(const std::string& id) const {
    json found = json::array();
    if (!id.empty()) found.push_back(slack_channel(id));
    return found;
  }

  [[nodiscard]] std::string channel_of(const std::string& output) const {
    const auto it = team_.notifications.find(output);
    return it == team_.notifications.end() ? "" : text(*it, "slack_channel_id");
  }

  static void append(json& to, const json& more) { to.insert(to.end(), more.begin(), more.end()); }

  const TeamContext& team_;
  const RunRequest& run_;
  const crypto::Secret& bot_token_;
};

}  // namespace

json output_destinations(const TeamContext& team, const RunRequest& run, const crypto::Secret& bot_token) {
  return Resolver{team, run, bot_token}.resolve();
}

}  // namespace tp::gateway
