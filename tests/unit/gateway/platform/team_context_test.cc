#include "gateway/platform/team_context.h"

#include "support/catch.h"

namespace tp::gateway {
namespace {

using nlohmann::json;

TEST_CASE("team context: what a run needs of the configuration") {
  const TeamContext team = team_context(json::parse(R"({
    "entrance_agent": "coder",
    "agent": {"dedicated_service_url": "http://mine:8080//"},
    "integrations": {"slack": {"bot_token": "xoxb-1"}, "github": {"token": "ghp_1", "app_private_key": "k"}},
    "output_config": {"default_destinations": ["slack"]},
    "notifications": {"default_slack_channel_id": "C1"}
  })"));
  CHECK(team.entrance_agent == "coder");
  CHECK(team.dedicated_url == "http://mine:8080");
  CHECK(team.slack_bot_token.reveal() == "xoxb-1");
  CHECK(team.github_token.reveal() == "ghp_1");
  CHECK(team.output_config["default_destinations"][0] == "slack");
  CHECK(team.notifications["default_slack_channel_id"] == "C1");
}

TEST_CASE("team context: what is absent, null or of a wrong type has its default") {
  for (const char* text :
       {"{}", "[]", "null",
        R"({"entrance_agent": "", "agent": null, "integrations": [1], "output_config": "x"})",
        R"({"entrance_agent": 5, "agent": {"dedicated_service_url": null}, "integrations": {"slack": "x"},
            "notifications": 7})"}) {
    INFO(text);
    const TeamContext team = team_context(json::parse(text));
    CHECK(team.entrance_agent == "planner");
    CHECK(team.dedicated_url.empty());
    CHECK(team.slack_bot_token.empty());
    CHECK(team.github_token.empty());
    CHECK(team.output_config == json::object());
    CHECK(team.notifications == json::object());
  }
}

}  // namespace
}  // namespace tp::gateway
