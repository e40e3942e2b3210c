#include "gateway/platform/destinations.h"

#include <string>
#include <vector>

#include "support/catch.h"

namespace tp::gateway {
namespace {

using nlohmann::json;

const crypto::Secret kPlatformToken{"xoxb-platform"};

RunRequest slack_run() {
  RunRequest run;
  run.trigger_source = "slack";
  run.slack = SlackThread{"C1", "1.0", "1.1", "U1", "T1"};
  return run;
}

RunRequest github_run(std::optional<std::int64_t> pr, std::optional<std::int64_t> issue) {
  RunRequest run;
  run.trigger_source = "github";
  run.github = GitHubTarget{"acme/app", pr, issue};
  return run;
}

RunRequest run_of(const std::string& source) {
  RunRequest run;
  run.trigger_source = source;
  run.incident_id = "I1";
  return run;
}

json channel(const std::string& id, const std::string& token = "xoxb-platform") {
  return {{"type", "slack"}, {"channel_id", id}, {"bot_token", token}};
}

json thread() {
  return {{"type", "slack"},
          {"channel_id", "C1"},
          {"thread_ts", "1.0"},
          {"user_id", "U1"},
          {"bot_token", "xoxb-platform"}};
}

json pr(int number) { return {{"type", "github_pr_comment"}, {"repo", "acme/app"}, {"pr_number", number}}; }
json issue(int number) {
  return {{"type", "github_issue_comment"}, {"repo", "acme/app"}, {"issue_number", number}};
}

TEST_CASE("destinations: each trigger's own, the team's wishes, and what is left when there are none") {
  struct Row {
    std::string what;
    std::string config;
    RunRequest run;
    std::vector<json> expected;
  };
  const std::string default_channel = R"({"notifications":{"default_slack_channel_id":"CD"}})";
  const std::string outputs = R"({"notifications":{"default_slack_channel_id":"CD",
      "github_output":{"slack_channel_id":"CG"}, "pagerduty_output":{"slack_channel_id":"CP","post_pagerduty_note":true},
      "incidentio_output":{"slack_channel_id":"CI","post_timeline":true}}})";
  const std::string template_default =
      R"({"output_config":{"default_destinations":["slack"]},"notifications":{"default_slack_channel_id":"CD"}})";
  const std::string object_default =
      R"({"output_config":{"default_destinations":[{"type":"slack","channel_id":"CX"},{"type":"email"},5]}})";
  const auto with_override = [](const std::string& source, const std::string& wish) {
    return R"({"output_config":{"trigger_overrides":{")" + source + R"(":")" + wish +
           R"("},"default_destinations":[{"type":"email"}]}})";
  };
  const std::vector<Row> rows{
      {"slack", "{}", slack_run(), {thread()}},
      {"slack, defaults are for others", template_default, slack_run(), {thread()}},
      {"slack, reply in thread", with_override("slack", "reply_in_thread"), slack_run(), {thread()}},
      {"slack, use default", with_override("slack", "use_default"), slack_run(), {{{"type", "email"}}}},
      {"slack, unknown wish", with_override("slack", "shout"), slack_run(), {thread()}},
      {"pull request", "{}", github_run(7, 7), {pr(7)}},
      {"issue", "{}", github_run({}, 8), {issue(8)}},
      {"pull request and channel", outputs, github_run(7, {}), {pr(7), channel("CG")}},
      {"push", outputs, github_run({}, {}), {channel("CG")}},
      {"push, nowhere else", default_channel, github_run({}, {}), {channel("CD")}},
      {"comment on pr", with_override("github", "comment_on_pr"), github_run(7, {}), {pr(7)}},
      {"comment on pr, none", with_override("github", "comment_on_pr"), github_run({}, 8), {}},
      {"a thread is for slack", with_override("github", "reply_in_thread"), github_run(7, {}), {pr(7)}},
      {"pagerduty", outputs, run_of("pagerduty"), {channel("CP")}},
      {"pagerduty, default channel", default_channel, run_of("pagerduty"), {channel("CD")}},
      {"pagerduty, template", template_default, run_of("pagerduty"), {channel("CD")}},
      {"incident.io", outputs, run_of("incidentio"), {channel("CI")}},
      {"incident.io, override",
       with_override("incidentio", "use_default"),
       run_of("incidentio"),
       {{{"type", "email"}}}},
      {"generic, objects", object_default, run_of("generic"), {channel("CX"), {{"type", "email"}}}},
      {"generic, template", template_default, run_of("generic"), {channel("CD")}},
      {"generic, nothing known", "{}", run_of("generic"), {}},
      {"template without channel",
       R"({"output_config":{"default_destinations":["slack","email"]}})",
       run_of("api"),
       {}},
      {"wrong types",
       R"({"output_config":{"trigger_overrides":[],"default_destinations":"slack"},
        "notifications":{"default_slack_channel_id":5,"pagerduty_output":"x"}})",
       run_of("pagerduty"),
       {}},
  };
  for (const Row& row : rows) {
    INFO(row.what);
    CHECK(output_destinations(team_context(json::parse(row.config)), row.run, kPlatformToken) ==
          row.expected);
  }
}

TEST_CASE("destinations: the team's own bot token goes before the platform's; without any there is none") {
  TeamContext team;
  team.slack_bot_token = crypto::Secret{"xoxb-team"};
  CHECK(output_destinations(team, slack_run(), kPlatformToken)[0]["bot_token"] == "xoxb-team");
  CHECK_FALSE(output_destinations(TeamContext{}, slack_run(), crypto::Secret{})[0].contains("bot_token"));
}

TEST_CASE("destinations: a token that the team put into its own list stays") {
  const auto team = team_context(json::parse(
      R"({"output_config":{"default_destinations":[{"type":"slack","channel_id":"C","bot_token":"theirs"}]}})"));
  CHECK(output_destinations(team, run_of("api"), kPlatformToken)[0]["bot_token"] == "theirs");
}

TEST_CASE("destinations: nobody is told of a probe") {
  TeamContext team;
  team.notifications = {{"default_slack_channel_id", "C9"}};
  team.output_config = {{"default_destinations", {"slack"}}};
  CHECK(output_destinations(team, run_of("generic"), kPlatformToken) == json::array({channel("C9")}));
  CHECK(output_destinations(team, run_of("probe"), kPlatformToken) == json::array());
}

}  // namespace
}  // namespace tp::gateway
