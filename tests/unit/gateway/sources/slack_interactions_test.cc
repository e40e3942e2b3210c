#include "given.h"

namespace tp::gateway {
namespace {

using nlohmann::json;

Given clicks() { return {source_of(SourceKind::SlackInteractions)}; }
std::string form(const std::string& payload) { return "payload=" + http::escape(payload); }
std::string clicked(const json& action) {
  auto payload = json::parse(fixture("slack_interactions/feedback_positive"));
  payload["actions"][0].merge_patch(action);
  return form(payload.dump());
}

TEST_CASE("a click on a feedback button is feedback", "[sources][interactions]") {
  const std::string body = form(fixture("slack_interactions/feedback_positive"));
  const NewEvent event = clicks().event(body);
  CHECK(event.kind == "block_actions");
  CHECK(event.provider_id == "T0CHECKOUT:U0ALICE001:1763800120.123456:feedback_positive");
  CHECK(event.lane == Lane::Normal);
  CHECK(event.body == body);
  CHECK(event.twin_key.empty());

  const auto feedback = clicks().becomes<Feedback>(body);
  CHECK(feedback.positive);
  CHECK(feedback.run_id == "run-7f3c");
  CHECK(feedback.correlation_id == "0193d5a0-5a9e-7c3e-8f1a-2b3c4d5e6f70");
  CHECK(feedback.user_id == "U0ALICE001");
  CHECK(feedback.response_url == "https://hooks.slack.com/actions/T0CHECKOUT/1234567890/AbCdEfGhIjKl");
  CHECK_FALSE(clicks().becomes<Feedback>(clicked({{"action_id", "feedback_negative"}})).positive);
}

TEST_CASE("a click on a view button has a lane of its own", "[sources][interactions]") {
  const std::string body = form(fixture("slack_interactions/view_investigation"));
  CHECK(clicks().event(body).lane == Lane::Interactive);
  const auto details = clicks().becomes<ViewDetails>(body);
  CHECK(details.run_id == "run-7f3c");
  CHECK(details.phase == "logs:errors");  // the first colon divides
  CHECK(details.trigger_id == "9901234567890.1234567890.0a1b2c3d4e5f60718293a4b5c6d7e8f9");
}

TEST_CASE("clicks that mean nothing to us are kept and ignored", "[sources][interactions]") {
  CHECK(clicks().ignored(clicked({{"action_id", "review"}})) == "action");
  CHECK(clicks().event(clicked({{"action_id", "review_view_x"}})).lane == Lane::Normal);
  for (const char* const value :
       {"", "{", "[]", R"({"run_id":"r"})", R"({"run_id":"","correlation_id":"c"})",
        R"({"run_id":["r"],"correlation_id":"c"})", R"({"run_id":"a","run_id":"b","correlation_id":"c"})"}) {
    INFO(value);
    CHECK(clicks().ignored(clicked({{"value", value}})) == "bad_value");
  }
  for (const char* const value : {"", "run", ":logs", "run:"}) {
    INFO(value);
    CHECK(clicks().ignored(clicked({{"action_id", "view_logs"}, {"value", value}})) == "bad_value");
  }
  CHECK(clicks().ignored(clicked({{"action_id", "view_logs"}, {"value", nullptr}})) == "bad_value");
}

TEST_CASE("interactions without a surface of ours are answered at once", "[sources][interactions]") {
  const auto submitted = clicks().admit(form(fixture("slack_interactions/view_submission")));
  REQUIRE(submitted.has_value());
  CHECK(submitted->events.empty());
  CHECK(submitted->answer.status == 200);
  CHECK(submitted->answer.body.empty());
  const auto options = clicks().admit(form(R"({"type":"block_suggestion","action_id":"teams"})"));
  REQUIRE(options.has_value());
  CHECK(options->events.empty());
  CHECK(json::parse(options->answer.body) == json{{"options", json::array()}});
  CHECK(clicks().admit(form(R"({"type":"block_actions","actions":[]})"))->events.empty());
  CHECK(clicks().admit(form(R"({"type":"shortcut"})"))->events.empty());
}

TEST_CASE("an organisation's surface stands in for the team", "[sources][interactions]") {
  auto payload = json::parse(fixture("slack_interactions/feedback_positive"));
  payload["team"] = nullptr;
  payload["enterprise"] = {{"id", "E0ACME"}};
  CHECK(clicks().event(form(payload.dump())).provider_id ==
        "E0ACME:U0ALICE001:1763800120.123456:feedback_positive");
}

TEST_CASE("malformed forms are refused", "[sources][interactions]") {
  CHECK(clicks().refusal("").starts_with("invalid_form"));
  CHECK(clicks().refusal("ssl_check=1&token=x").starts_with("invalid_form"));
  CHECK(clicks().refusal("payload=%7B%7D&payload=%7B%7D").starts_with("invalid_form"));
  CHECK(clicks().refusal("payload=%7B%7").starts_with("invalid_form"));
  CHECK(clicks().refusal("payload=%00").starts_with("invalid_json"));
  CHECK(clicks().refusal("payload=%FF").starts_with("invalid_json"));
  CHECK(clicks().refusal("payload=[]").starts_with("invalid_json"));
  CHECK_FALSE(
      clicks().refusal(form(R"({"type":"block_actions","user":{"id":"U1"},"user":{"id":"U2"}})")).empty());
  CHECK_FALSE(clicks()
                  .refusal(form(R"({"type":"block_actions","actions":[{"action_id":"a","action_id":"b"}]})"))
                  .empty());
}

}  // namespace
}  // namespace tp::gateway
