#include <chrono>
#include <string>

#include "fixture.h"

// The rule of one run, through the real inbox: every row of docs/gateway.md's table of outcomes.
namespace tp::gateway::test {
namespace {

using std::chrono::seconds;

std::string header(const http::Request& request, std::string_view name) {
  return std::string{request.headers.find(name).value_or("")};
}

TEST_CASE("dispatch: a run is started once, under the event's id and with the team's token") {
  WorkerFixture f;
  std::string open_at_post;
  f.agent.serve([&](const http::Request& /*request*/) {
    open_at_post =
        f.db.value("SELECT state || ' ' || attempt_open::text || ' ' || attempts FROM orchestrator.inbox");
    return answer(200, R"({"success":true})");
  });
  const EventId id = f.handle(slack_mention("Ev1"));
  CHECK(f.state_of(id) == "done/finished");
  CHECK(open_at_post == "running true 1");  // it was on record before the request left
  REQUIRE(f.agent.requests().size() == 1);
  const http::Request request = f.agent.requests().front();
  CHECK(request.target == "/agents/planner/run");
  CHECK(header(request, "X-Correlation-ID") == id.str());
  CHECK(header(request, "Idempotency-Key") == id.str());
  CHECK(header(request, "X-IncidentFox-Team-Token") == "t1");
  const auto body = nlohmann::json::parse(request.body);
  CHECK(body["message"] == "why is checkout slow?");
  CHECK(body["trigger_source"] == "slack");
  CHECK(body["timeout"] == 300);
  CHECK(f.attempts_of(id) == "finished");
}

TEST_CASE("dispatch: an agent that ran and says that it failed has run") {
  WorkerFixture f;
  f.agent.serve(
      [](const http::Request& /*request*/) { return answer(200, R"({"success":false,"error":"x"})"); });
  const EventId id = f.handle(slack_mention("Ev1"));
  CHECK(f.state_of(id) == "done/failed");
  CHECK(f.agent.requests().size() == 1);
}

TEST_CASE("dispatch: what certainly reached nobody is tried again") {
  WorkerFixture f;
  const auto [exchange, reason] =
      GENERATE(table<int, std::string>({{0, "not_connected"}, {503, "http_503"}, {429, "http_429"}}));
  f.agent.serve([code = exchange](const http::Request& /*request*/) {
    return code == 0 ? not_connected() : answer(code, "", {{"Retry-After", "30"}});
  });
  const EventId id = f.handle(slack_mention("Ev1"));
  CHECK(f.state_of(id) == "retrying/" + reason);
  CHECK(f.column(id, "uncertain") == "0");
  if (exchange != 0) CHECK(f.column(id, "due_at > now() + interval '25 s'") == "t");
  f.agent.serve([](const http::Request& /*request*/) { return answer(200); });
  f.make_due(id);
  f.settle();
  CHECK(f.state_of(id) == "done/finished");
  CHECK(f.attempts_of(id) == "refused finished");
}

TEST_CASE("dispatch: a token that is refused is replaced at once") {
  WorkerFixture f;
  f.handle(slack_mention("Ev1"));  // the token is kept now
  f.agent.serve([](const http::Request& request) {
    return answer(header(request, "X-IncidentFox-Team-Token") == "t1" ? 401 : 200);
  });
  const EventId id = f.handle(slack_mention("Ev2"));
  CHECK(f.state_of(id) == "done/finished");
  CHECK(f.attempts_of(id) == "refused_token finished");
  CHECK(f.tokens == 2);
}

TEST_CASE("dispatch: what can never work is dead, and Slack and the record of runs are told") {
  WorkerFixture f;
  f.agent.serve([](const http::Request& /*request*/) { return answer(404); });
  const EventId id = f.handle(slack_mention("Ev1"));
  CHECK(f.state_of(id) == "dead/http_404");
  CHECK(f.told_slack("chat.postMessage"));
  const auto posted = nlohmann::json::parse(f.slack.requests().front().body);
  CHECK(posted["channel"] == "C1");
  CHECK(posted["thread_ts"] == "1768000000.0001");
  CHECK(posted["text"].get<std::string>().find(id.str()) != std::string::npos);
  CHECK(WorkerFixture::eventually([&] { return f.config().count("/internal/agent-runs") == 2; }));
}

TEST_CASE("dispatch: a run that was cut is tried once more and no more") {
  WorkerFixture f;
  const int code = GENERATE(0, 500, 502, 504);
  f.agent.serve(
      [code](const http::Request& /*request*/) { return code == 0 ? closed_by_peer() : answer(code); });
  const EventId id = f.handle(slack_mention("Ev1"));
  CHECK(f.state_of(id).substr(0, 9) == "retrying/");
  CHECK(f.column(id, "uncertain") == "1");
  f.make_due(id);
  f.settle();
  CHECK(f.state_of(id).substr(0, 5) == "dead/");
  CHECK(f.attempts_of(id) == "cut cut");
  CHECK(f.told_slack("chat.postMessage"));
}

TEST_CASE("dispatch: a run that we gave up on is looked up before anything else") {
  WorkerFixture f;
  f.agent.serve([](const http::Request& /*request*/) { return too_late(); });
  const EventId id = f.handle(slack_mention("Ev1"));
  CHECK(f.state_of(id) == "unknown/deadline");
  CHECK(f.agent.requests().size() == 1);

  SECTION("the audit cannot be asked: it is asked again later") {
    f.config_away = true;
    f.make_due(id);
    f.settle();
    CHECK(f.state_of(id) == "unknown/audit_unavailable");
  }
  SECTION("it ran") {
    f.audit = R"({"has_more":false,"events":[{"correlation_id":")" + id.str() + R"("}]})";
    f.make_due(id);
    f.settle();
    CHECK(f.state_of(id) == "done/found_in_audit");
    CHECK(f.agent.requests().size() == 1);
  }
  SECTION("it did not: one more attempt, and then the end") {
    f.make_due(id);
    f.settle();
    CHECK(f.agent.requests().size() == 2);
    CHECK(f.state_of(id) == "unknown/deadline");
    f.make_due(id);
    f.settle();
    CHECK(f.state_of(id) == "dead/unknown");
    CHECK(f.agent.requests().size() == 2);
  }
}

TEST_CASE(
    "dispatch: a worker that dies in mid-run leaves an unknown run; one that was only slow brings its "
    "outcome") {
  WorkerFixture f;
  f.agent.hold(true);
  const EventId id = f.handle(slack_mention("Ev1"));
  CHECK(f.state_of(id) == "running/");
  must(f.inbox.retire(f.ctx()));
  CHECK(f.state_of(id) == "unknown/worker_lost");
  CHECK(f.column(id, "due_at > now() + interval '5 minutes'") == "t");  // not before the run must be over
  f.agent.end_held(answer(200));
  must(f.settler.drain(f.ctx()));
  CHECK(f.state_of(id) == "done/finished");
}

TEST_CASE("dispatch: a team's own URL is followed only where the platform vouches for it") {
  WorkerFixture f;
  f.dedicated_url = "http://agent-dedicated-acme-sre.ns.svc.cluster.local:8080";
  SECTION("it does not know it") {
    f.handle(slack_mention("Ev1"));
    CHECK(f.agents == std::vector<std::string>{"http://agent"});
  }
  SECTION("another is the team's") {
    f.db.run(
        "INSERT INTO orchestrator.team_runtimes VALUES ('acme', 'sre', 'http://other:8080', true, "
        "'dedicated')");
    f.handle(slack_mention("Ev1"));
    CHECK(f.agents == std::vector<std::string>{"http://agent"});
  }
  SECTION("it is not ready") {
    f.db.run("INSERT INTO orchestrator.team_runtimes VALUES ('acme', 'sre', $1, false, 'dedicated')",
             postgres::Params{}.add(f.dedicated_url));
    f.handle(slack_mention("Ev1"));
    CHECK(f.agents == std::vector<std::string>{"http://agent"});
  }
  SECTION("it is the team's") {
    f.db.run("INSERT INTO orchestrator.team_runtimes VALUES ('acme', 'sre', $1, true, 'dedicated')",
             postgres::Params{}.add(f.dedicated_url));
    f.handle(slack_mention("Ev1"));
    CHECK(f.agents == std::vector<std::string>{f.dedicated_url});
  }
}

TEST_CASE("dispatch: an agent that refuses everything is left alone for a while, and no attempt counts") {
  WorkerFixture f;
  f.agent.serve([](const http::Request& /*request*/) { return not_connected(); });
  for (int i = 0; i < 8; ++i)
    f.handle(slack_mention("Ev" + std::to_string(i), "C1", "<@UBOT> " + std::to_string(i)));
  CHECK(f.agent.requests().size() == 5);
  CHECK(f.db.count(
            "orchestrator.inbox WHERE state = 'retrying' AND reason = 'agent_breaker' AND attempts = 0") ==
        3);
}

TEST_CASE("dispatch: while the Config Service is away nothing is started, and nothing counts as an attempt") {
  WorkerFixture f;
  f.put(slack_mention("Ev1"));
  must(f.router.step(f.ctx(), Lane::Normal));  // routed while it was there
  f.config_away = true;
  f.settle();
  const EventId id = f.id_of("Ev1");
  CHECK(f.state_of(id) == "retrying/config_service");
  CHECK(f.column(id, "attempts") == "0");
  CHECK(f.db.value("SELECT hour_runs FROM orchestrator.team_queues") == "0");
  CHECK(f.agent.requests().empty());
}

TEST_CASE("dispatch: a mention without words is answered with a question") {
  WorkerFixture f;
  const EventId id = f.handle(slack_mention("Ev1", "C1", "<@UBOT>  "));
  CHECK(f.state_of(id) == "done/asked_for_words");
  CHECK(f.agent.requests().empty());
  CHECK(f.told_slack("chat.postMessage"));
}

TEST_CASE("dispatch: outcomes outlive an outage of the database") {
  WorkerFixture f;
  f.agent.hold(true);
  const EventId id = f.handle(slack_mention("Ev1"));
  f.db.close(true);
  f.db.break_connections();
  f.agent.end_held(answer(200));
  CHECK_FALSE(f.settler.drain(Context{}.child(f.db.clock(), std::chrono::milliseconds{300})));
  f.db.close(false);
  must(f.settler.drain(f.ctx()));
  CHECK(f.state_of(id) == "done/finished");
}

TEST_CASE("dispatch: no more runs than this process may have, and a drain waits for them") {
  auto settings = WorkerFixture::default_settings();
  settings.runs_in_flight = 2;
  WorkerFixture f{std::move(settings)};
  f.agent.hold(true);
  for (int i = 0; i < 3; ++i)
    f.handle(slack_mention("Ev" + std::to_string(i), "C1", "<@UBOT> " + std::to_string(i)));
  CHECK(f.dispatcher.in_flight() == 2);
  CHECK(f.db.count("orchestrator.inbox WHERE state = 'ready'") == 1);
  CHECK_FALSE(f.dispatcher.drain(Context{}.child(f.db.clock(), std::chrono::milliseconds{50})));
  f.agent.hold(false);
  f.agent.end_held(answer(200));
  CHECK(f.dispatcher.drain(f.ctx()));
  f.settle();
  CHECK(f.db.count("orchestrator.events WHERE state = 'done'") == 3);
}

}  // namespace
}  // namespace tp::gateway::test
