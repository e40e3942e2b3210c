#include "given.h"

namespace tp::gateway {
namespace {

using nlohmann::json;

Given slack() { return {source_of(SourceKind::Slack)}; }

TEST_CASE("Slack's URL check is answered and not stored", "[sources][slack]") {
  const auto admission = slack().admit(fixture("slack/url_verification"));
  REQUIRE(admission.has_value());
  CHECK(admission->events.empty());
  CHECK(admission->answer.status == 200);
  CHECK(admission->answer.headers.find("content-type") == "application/json; charset=utf-8");
  CHECK(json::parse(admission->answer.body) ==
        json{{"challenge", "3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P"}});
  CHECK_FALSE(slack().refusal(R"({"type":"url_verification"})").empty());
}

TEST_CASE("a Slack event is stored under its id and the digest of its body", "[sources][slack]") {
  const std::string body = fixture("slack/app_mention");
  const auto admission = slack().admit(body);
  REQUIRE(admission.has_value());
  CHECK(admission->answer.status == 200);
  CHECK(admission->answer.body.empty());
  const NewEvent event = slack().event(body);
  CHECK(event.kind == "app_mention");
  CHECK(event.provider_id == "Ev0MENTION01");
  CHECK(event.body == body);
  CHECK(event.digest.size() == 32);
  CHECK(event.digest != slack().event(fixture("slack/message_channel")).digest);
  CHECK(event.lane == Lane::Normal);
  CHECK(event.dedupe_for == std::chrono::hours{24 * 90});
  CHECK(event.order_key == "slack:T0CHECKOUT:C0INCIDENTS:1763800000.000100");
  CHECK(slack().event(fixture("slack/app_mention_in_thread")).order_key == event.order_key);
}

TEST_CASE("X-Slack-Retry-Num changes nothing", "[sources][slack]") {
  Given retried = slack();
  retried.headers = {{"X-Slack-Retry-Num", "1"}, {"X-Slack-Retry-Reason", "http_timeout"}};
  const std::string body = fixture("slack/app_mention");
  CHECK(retried.event(body).provider_id == slack().event(body).provider_id);
  CHECK(retried.event(body).digest == slack().event(body).digest);
}

TEST_CASE("a mention and the message that it is are twins", "[sources][slack]") {
  const NewEvent mention = slack().event(fixture("slack/app_mention"));
  const NewEvent message = slack().event(fixture("slack/message_channel"));
  CHECK(mention.twin_key == "T0CHECKOUT:C0INCIDENTS:1763800000.000100");
  CHECK(message.twin_key == mention.twin_key);
  CHECK(message.provider_id != mention.provider_id);
  CHECK(slack().event(fixture("slack/app_mention_in_thread")).twin_key != mention.twin_key);
  const std::string other_team = changed("slack/app_mention", {{"team_id", "T0OTHER"}});
  CHECK(slack().event(other_team).twin_key != mention.twin_key);
}

TEST_CASE("what starts no run takes no twin's place", "[sources][slack]") {
  const json nobody{{"event", {{"text", "why does checkout answer 500?"}}}};
  const json somebody{{"event", {{"text", "<@U0ALICE001> why does checkout answer 500?"}}}};
  for (const std::string& body :
       {changed("slack/message_channel", nobody), changed("slack/message_channel", somebody),
        fixture("slack/message_changed"), fixture("slack/own_message"), fixture("slack/reaction_added"),
        fixture("slack/app_rate_limited")}) {
    const NewEvent event = slack().event(body);
    CHECK(event.twin_key.empty());
    CHECK(event.order_key.empty());
    CHECK_FALSE(slack().ignored(body).empty());
  }
  // A message that the policy keeps from running must leave the key to its app_mention.
  Given quiet = slack();
  quiet.policy.slack.messages = false;
  CHECK(quiet.event(fixture("slack/message_channel")).twin_key.empty());
  CHECK(quiet.ignored(fixture("slack/message_channel")) == "policy");
  CHECK(quiet.ignored(fixture("slack/message_im")) == "policy");
  CHECK_FALSE(quiet.event(fixture("slack/app_mention")).twin_key.empty());
  CHECK_FALSE(quiet.run(fixture("slack/app_mention")).message.empty());
}

TEST_CASE("a mention asks for a run", "[sources][slack]") {
  const RunRequest run = slack().run(fixture("slack/app_mention_in_thread"));
  CHECK(run.identifiers == std::vector<Identifier>{{"slack_channel_id", "C0INCIDENTS"}});
  CHECK(run.trigger_source == "slack");
  CHECK(run.agent_name.empty());
  CHECK(run.message == "and  is it the database? ask");
  CHECK(run.context == json::parse(R"({
    "user_id": "U0ALICE001",
    "session_id": "slack-c0incidents-1763800000-000100",
    "metadata": {"trigger": "slack", "slack": {
      "channel_id": "C0INCIDENTS", "event_ts": "1763800060.000200", "thread_ts": "1763800000.000100"}}})"));
  REQUIRE(run.slack.has_value());
  CHECK(run.slack->channel_id == "C0INCIDENTS");
  CHECK(run.slack->thread_ts == "1763800000.000100");
  CHECK(run.slack->event_ts == "1763800060.000200");
  CHECK(run.slack->user_id == "U0ALICE001");
  CHECK(run.slack->team_id == "T0CHECKOUT");

  // The first message of a thread is the thread.
  const RunRequest first = slack().run(fixture("slack/app_mention"));
  CHECK(first.message == "why does checkout answer 500 since 14:05?");
  CHECK(first.slack->thread_ts == first.slack->event_ts);
  CHECK(slack().run(fixture("slack/message_channel")).context == first.context);
  CHECK(
      slack().run(changed("slack/app_mention", {{"event", {{"text", " <@U0FOXBOT01>\n"}}}})).message.empty());
  CHECK(slack()
            .run(changed("slack/app_mention", {{"event", {{"text", "<@U0FOXBOT01> is 1 <@ 2, <@C1>?"}}}}))
            .message == "is 1 <@ 2, <@C1>?");
}

TEST_CASE("messages run when they speak to the bot", "[sources][slack]") {
  CHECK(slack().run(fixture("slack/message_im")).message == "what broke last night?");
  const auto said = [](const json& event) { return changed("slack/message_channel", {{"event", event}}); };
  CHECK(slack().ignored(said({{"text", "<@U0FOXBOT012> hello"}})) == "no_mention");
  CHECK(slack().ignored(said({{"text", "@U0FOXBOT01 hello"}})) == "no_mention");
  CHECK(slack().ignored(said({{"text", "<@U0FOXBOT01"}})) == "no_mention");
  CHECK(slack().run(said({{"text", "hello <@U0FOXBOT01|fox>"}})).message == "hello");
  CHECK(slack().run(said({{"subtype", "file_share"}})).message ==
        "why does checkout answer 500 since 14:05?");
  CHECK_FALSE(slack().run(said({{"subtype", "thread_broadcast"}})).message.empty());
  // A person who installed the app is no bot to be spoken to.
  const json person = json::array({{{"user_id", "U0FOXBOT01"}, {"is_bot", false}}});
  CHECK(slack().ignored(changed("slack/message_channel", {{"authorizations", person}})) == "no_mention");
}

TEST_CASE("Slack bots start nothing", "[sources][slack]") {
  CHECK(slack().ignored(fixture("slack/own_message")) == "bot");
  const auto mention = [](const json& event) { return changed("slack/app_mention", {{"event", event}}); };
  CHECK(slack().ignored(mention({{"bot_id", "B0OTHER"}})) == "bot");
  CHECK(slack().ignored(mention({{"user", "U0FOXBOT01"}})) == "bot");
  CHECK(slack().ignored(mention({{"user", "USLACKBOT"}})) == "bot");
  CHECK(slack().ignored(mention({{"user", nullptr}})) == "bot");
  CHECK(slack().ignored(mention({{"subtype", "bot_message"}})) == "subtype");
  CHECK(slack().ignored(fixture("slack/message_changed")) == "subtype");
}

TEST_CASE("other Slack events are kept and start nothing", "[sources][slack]") {
  CHECK(slack().ignored(fixture("slack/reaction_added")) == "event_type");
  CHECK(slack().event(fixture("slack/reaction_added")).kind == "reaction_added");
  CHECK(slack().ignored(fixture("slack/app_rate_limited")) == "event_type");
  CHECK(slack().event(fixture("slack/app_rate_limited")).provider_id.empty());
  CHECK(slack().event("{}").kind == "unknown");
  CHECK(slack().event(R"({"type":"event_callback"})").kind == "unknown");
  CHECK(slack().event(R"({"type":"message"})").twin_key.empty());
  CHECK(slack().ignored(R"({"type":"message"})") == "event_type");
}

TEST_CASE("a mention that cannot be answered is an error", "[sources][slack]") {
  const std::string body = changed("slack/app_mention", {{"event", {{"channel", nullptr}}}});
  CHECK(slack().event(body).twin_key.empty());
  CHECK_FALSE(slack().interpret(slack().event(body)).has_value());
}

TEST_CASE("Slack bodies with two ids are refused", "[sources][slack]") {
  CHECK_FALSE(slack().refusal(R"({"type":"event_callback","event_id":"Ev1","event_id":"Ev2"})").empty());
  CHECK_FALSE(slack().refusal(R"({"event":{"channel":"C1","channel":"C2"}})").empty());
  CHECK_FALSE(slack().refusal("ssl_check=1&token=x").empty());
}

TEST_CASE("Slack is told not to repeat what it should not", "[sources][slack]") {
  const Source& source = source_of(SourceKind::Slack);
  const auto unsigned_one = source.refuse(401, "bad_signature");
  CHECK(unsigned_one.status == 401);
  CHECK(json::parse(unsigned_one.body) == json{{"error", "invalid request"}});
  CHECK(unsigned_one.headers.find("x-slack-no-retry") == "1");
  const auto malformed = source.refuse(400, "invalid_json: not an object");
  CHECK(json::parse(malformed.body) == json{{"error", "invalid_json: not an object"}});
  CHECK(malformed.headers.find("x-slack-no-retry") == "1");
  for (const int status : {429, 503}) {
    const auto later = source.refuse(status, "overloaded");
    CHECK(later.headers.find("retry-after") == "5");
    CHECK_FALSE(later.headers.find("x-slack-no-retry").has_value());
  }
}

}  // namespace
}  // namespace tp::gateway
