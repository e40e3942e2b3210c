#include <string>

#include "fixture.h"

// From a stored event to its team, or to its end.
namespace tp::gateway::test {
namespace {

NewEvent click(const std::string& id, const std::string& action, const std::string& value) {
  const nlohmann::json payload{
      {"type", "block_actions"},
      {"team", {{"id", "T1"}}},
      {"user", {{"id", "U1"}}},
      {"trigger_id", "1.2.3"},
      {"response_url", "https://hooks.slack.com/actions/T1/1/x"},
      {"actions", {{{"action_id", action}, {"value", value}, {"action_ts", "1.1"}}}}};
  NewEvent event = new_event(id, "payload=" + http::escape(payload.dump()));
  event.source = SourceKind::SlackInteractions;
  event.kind = "block_actions";
  event.headers.clear();
  return event;
}

TEST_CASE("route: an event of nobody is unrouted, and one that asks for nothing is ignored") {
  WorkerFixture f;
  CHECK(f.state_of(f.handle(slack_mention("Ev1", "C2"))) == "unrouted/no_team");
  NewEvent bot = slack_mention("Ev2");
  bot.body.insert(bot.body.find("\"user\""), "\"bot_id\":\"B1\",");
  CHECK(f.state_of(f.handle(std::move(bot))) == "ignored/bot");
  CHECK(f.agent.requests().empty());
  const std::string metrics = f.registry.expose();
  for (const char* const series :
       {"{state=\"unrouted\"} 1", "{state=\"ignored\"} 1", "{state=\"done\"} 0", "{state=\"dead\"} 0"})
    CHECK(metrics.find(std::string{"webhook_gateway_events_ended_total"} + series) != std::string::npos);
}

TEST_CASE("route: the secret's scope is the limit of where an event may lead") {
  WorkerFixture f;
  NewEvent foreign = slack_mention("Ev1");
  foreign.scope.org_id = "umbrella";
  CHECK(f.state_of(f.handle(std::move(foreign))) == "unrouted/outside_scope");
  NewEvent own = slack_mention("Ev2");
  own.scope.org_id = "acme";
  CHECK(f.state_of(f.handle(std::move(own))) == "done/finished");
  CHECK(f.config().count("/routing/lookup") == 2);  // the org is part of what is asked
}

TEST_CASE("route: a secret of one team leaves nothing to look up") {
  WorkerFixture f;
  NewEvent event = slack_mention("Ev1", "C9");
  event.scope = {"acme", "sre"};
  CHECK(f.state_of(f.handle(std::move(event))) == "done/finished");
  CHECK(f.config().count("/routing/lookup") == 0);
}

TEST_CASE("route: lookups are remembered") {
  WorkerFixture f;
  for (int i = 0; i < 5; ++i)
    f.handle(slack_mention("Ev" + std::to_string(i), "C1", "<@UBOT> " + std::to_string(i)));
  CHECK(f.config().count("/routing/lookup") == 1);
  CHECK(f.agent.requests().size() == 5);
}

TEST_CASE("route: while the Config Service is away events wait, until they are too old") {
  WorkerFixture f;
  f.config_away = true;
  const EventId id = f.handle(slack_mention("Ev1"));
  CHECK(f.state_of(id) == "received/config_service");
  SECTION("it comes back") {
    f.config_away = false;
    f.make_due(id);
    f.settle();
    CHECK(f.state_of(id) == "done/finished");
  }
  SECTION("it does not") {
    f.db.run("UPDATE orchestrator.inbox SET since = now() - interval '16 minutes'");
    f.make_due(id);
    f.settle();
    CHECK(f.state_of(id) == "dead/config_service");
    REQUIRE(f.told_slack("chat.postMessage"));
    const auto said = nlohmann::json::parse(f.slack.requests().back().body);
    CHECK(said.at("channel") == "C1");
    CHECK(said.at("thread_ts") == "1768000000.0001");
    CHECK(said.at("text").get<std::string>().find(id.str()) != std::string::npos);
  }
}

NewEvent probe_event(const std::string& id) {
  NewEvent event = new_event(id, R"({"probe":")" + id + R"("})");
  event.source = SourceKind::Probe;
  event.kind = "probe";
  event.headers.clear();
  return event;
}

TEST_CASE("route: a probe is answered by the worker itself, and by an agent only when the policy says so") {
  WorkerFixture f;
  SECTION("without a team it ends at its claim") {
    f.config_away = true;
    CHECK(f.state_of(f.handle(probe_event("p1"))) == "done/probed");
  }
  SECTION("with a team it waits for what a run needs") {
    f.policy.probe.team = {"acme", "sre"};
    CHECK(f.state_of(f.handle(probe_event("p1"))) == "done/probed");
    CHECK(f.config().count("/impersonation-token") == 1);
    CHECK(f.config().count("/config/me") == 1);
  }
  SECTION("while that is away it does not end well") {
    f.policy.probe.team = {"acme", "sre"};
    f.config_away = true;
    const EventId id = f.handle(probe_event("p1"));
    CHECK(f.state_of(id) == "retrying/config_service");
    CHECK(f.column(id, "retry_until - since") == "00:02:00");
  }
  SECTION("a secret that does not speak for the team") {
    f.policy.probe.team = {"acme", "sre"};
    NewEvent foreign = probe_event("p1");
    foreign.scope.org_id = "umbrella";
    CHECK(f.state_of(f.handle(std::move(foreign))) == "unrouted/outside_scope");
  }
  CHECK(f.agent.requests().empty());
}

TEST_CASE("route: an agent that is asked by a probe is to do next to nothing, and to tell nobody") {
  WorkerFixture f;
  f.policy.probe = {{"acme", "sre"}, "noop"};
  CHECK(f.state_of(f.handle(probe_event("p1"))) == "done/finished");
  REQUIRE(f.agent.requests().size() == 1);
  CHECK(f.agent.requests().front().target == "/agents/noop/run");
  const auto body = nlohmann::json::parse(f.agent.requests().front().body);
  CHECK(body["max_turns"] == 1);
  CHECK(body["output_destinations"] == nlohmann::json::array());
  f.agent.serve([](const http::Request& /*request*/) { return answer(404); });
  CHECK(f.state_of(f.handle(probe_event("p2"))) == "dead/http_404");
  CHECK(f.config().count("/internal/agent-runs") == 0);  // nobody's run is missed
}

TEST_CASE("route: what cannot be understood is dead") {
  WorkerFixture f;
  NewEvent event = slack_mention("Ev1");
  event.body = "{";
  CHECK(f.state_of(f.handle(std::move(event))) == "dead/malformed");
}

TEST_CASE("route: feedback is stored with the header that the service wants, and the user is thanked") {
  WorkerFixture f;
  const EventId id = f.handle(click("i1", "feedback_positive", R"({"run_id":"r1","correlation_id":"c1"})"));
  CHECK(f.state_of(id) == "done/recorded");
  const auto requests = f.config().requests();
  REQUIRE(f.config().count("/internal/feedback") == 1);
  CHECK(requests.back().headers.find("X-Internal-Service").has_value());
  CHECK(f.slack.count("/actions/T1/1/x") == 1);
}

TEST_CASE("route: a dialog is opened while Slack still knows the click, and not later") {
  WorkerFixture f;
  NewEvent event = click("i1", "view_phase", "r1:kubernetes");
  event.lane = Lane::Interactive;
  SECTION("in time") {
    CHECK(f.state_of(f.handle(std::move(event))) == "done/shown");
    CHECK(f.slack.count("views.open") == 1);
  }
  SECTION("too late") {
    f.put(std::move(event));
    f.db.run("UPDATE orchestrator.inbox SET since = now() - interval '3 s'");
    f.settle();
    CHECK(f.state_of(f.id_of("i1")) == "dead/trigger_expired");
    CHECK(f.slack.count("views.open") == 0);
  }
}

}  // namespace
}  // namespace tp::gateway::test
