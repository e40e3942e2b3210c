#include "api.h"

namespace tp::gateway::test {
namespace {

using namespace std::chrono_literals;
using Json = nlohmann::json;

// One dead event of each org, and one of nobody.
void fill(Fixture& f) {
  Inbox& inbox = f.worker();
  f.arrive(inbox, "o1", "t", {"1"});
  f.arrive(inbox, "o2", "t", {"2"});
  for (const auto& event : f.claim_all(inbox)) f.finish(inbox, event, State::Dead);
  f.put(new_event("3"));
}

TEST_CASE("events are listed page by page, without what their senders wrote") {
  Fixture f;
  fill(f);
  Api api{f};
  Answer all = api.get("/events");
  CHECK(all.status == 200);
  CHECK(all.events() == std::vector<std::string>{"3", "2", "1"});
  CHECK(all.body.at("next_cursor").is_null());
  CHECK(all.body.dump().find("body of") == std::string::npos);
  CHECK(all.head.find("Cache-Control: no-store") != std::string::npos);
  const Json& event = all.body.at("events").at(1);
  CHECK(event.at("source") == "github");
  CHECK(event.at("state") == "dead");
  CHECK(event.at("reason") == "test");
  CHECK(event.at("org_id") == "o2");
  CHECK(event.at("endpoint").is_null());

  const Answer first = api.get("/events?limit=2");
  CHECK(first.events() == std::vector<std::string>{"3", "2"});
  const Answer second = api.get("/events?limit=2&cursor=" + first.body.at("next_cursor").get<std::string>());
  CHECK(second.events() == std::vector<std::string>{"1"});
  CHECK(second.body.at("next_cursor").is_null());

  CHECK(api.get("/events?state=dead,received&source=github&kind=issue_comment").events().size() == 3);
  CHECK(api.get("/events?state=dead&state=done").events().size() == 2);
  CHECK(api.get("/events?state=received").events() == std::vector<std::string>{"3"});
  CHECK(api.get("/events?org_id=o1&team_node_id=t").events() == std::vector<std::string>{"1"});
  CHECK(api.get("/events?id=" + f.id_of("2").str()).events() == std::vector<std::string>{"2"});
  CHECK(api.get("/events?from=2026-01-01T00:00:00Z&to=2026-01-02T00:00:00%2B01:00").events().empty());
}

TEST_CASE("a parameter that is wrong is named") {
  Fixture f;
  Api api{f};
  const std::map<std::string, std::string> wrong{
      {"limit=x", "limit: must be 1 to 200, not \"x\""},
      {"limit=0", "limit: must be 1 to 200, not \"0\""},
      {"limit=201", "limit: must be 1 to 200, not \"201\""},
      {"limit=-1", "limit: must be 1 to 200, not \"-1\""},
      {"limit=5x", "limit: must be 1 to 200, not \"5x\""},
      {"state=open", "state: must be states, such as dead,unrouted, not \"open\""},
      {"state=", "state: must be states, such as dead,unrouted, not \"\""},
      {"id=1", "id: must be an event's id, not \"1\""},
      {"cursor=1", "cursor: must be an event's id, not \"1\""},
      {"from=yesterday", "from: must be a time such as 2026-01-31T12:00:00Z, not \"yesterday\""},
      {"org_id=", "org_id: must be a name of at most 200 bytes, not \"\""},
      {"colour=red", "colour: there is no such parameter"},
      {"limit=%zz", "the query is not well encoded"},
  };
  for (const auto& [query, detail] : wrong) {
    const Answer answer = api.get("/events?" + query);
    CHECK(answer.status == 400);
    CHECK(answer.detail() == detail);
  }
  const Answer source = api.get("/events?source=gitlab");
  CHECK(source.status == 400);
  CHECK(source.detail().find("slack, slack_interactions, github") != std::string::npos);
}

TEST_CASE("one event shows its attempts") {
  Fixture f;
  Inbox& inbox = f.worker();
  f.arrive(inbox, "o", "t", {"1"});
  const auto claimed = f.claim_all(inbox);
  REQUIRE(must(inbox.begin_attempts(f.ctx(), {{claimed.at(0).claim, "agent:80", 1h}})).size() == 1);
  must(inbox.settle(f.ctx(), {{.claim = claimed[0].claim,
                               .state = State::Dead,
                               .reason = "refused",
                               .outcome = "refused",
                               .http_status = 400,
                               .detail = "no such agent"}}));
  Api api{f};
  const Answer answer = api.get("/events/" + f.id_of("1").str());
  CHECK(answer.status == 200);
  CHECK(answer.body.at("attempts") == 1);
  REQUIRE(answer.body.at("attempt_log").size() == 1);
  const Json& attempt = answer.body.at("attempt_log").at(0);
  CHECK(attempt.at("agent") == "agent:80");
  CHECK(attempt.at("http_status") == 400);
  CHECK(attempt.at("detail") == "no such agent");
  for (const char* id : {"017f22e2-79b0-7cc3-98c4-dc0c0c07398f", "x", "1'%20OR%201=1"}) {
    const Answer none = api.get("/events/" + std::string{id});
    CHECK(none.status == 404);
    CHECK(none.detail() == "there is no such event");
  }
}

TEST_CASE("an org's administrator sees and replays only the events of this org") {
  Fixture f;
  fill(f);
  Api api{f};
  CHECK(api.get("/events", "o1").events() == std::vector<std::string>{"1"});
  CHECK(api.get("/events?org_id=o1", "o1").events() == std::vector<std::string>{"1"});
  CHECK(api.get("/events?org_id=o2", "o1").events().empty());
  CHECK(api.get("/events?id=" + f.id_of("2").str(), "o1").events().empty());
  for (const char* foreign : {"2", "3"}) {
    const EventId id = f.id_of(foreign);
    const std::string before = f.state_of(id);
    CHECK(api.get("/events/" + id.str(), "o1").status == 404);
    CHECK(api.call("POST", "/events/" + id.str() + "/replay", "o1").status == 404);
    CHECK(f.state_of(id) == before);
  }
  CHECK(api.get("/events/" + f.id_of("1").str(), "o1").status == 200);
  CHECK(api.call("POST", "/events/" + f.id_of("1").str() + "/replay", "o1").status == 202);
  CHECK(f.state_of(f.id_of("1")) == "received/replayed");
  // It has no team again; nothing says that it was this org's but its secret, and that was the platform's.
  CHECK(api.get("/events/" + f.id_of("1").str(), "o1").status == 404);
}

TEST_CASE("a replay says what became of it, and is kept in the audit") {
  Fixture f;
  fill(f);
  Api api{f};
  const std::string dead = "/events/" + f.id_of("1").str() + "/replay";
  Answer answer = api.call("POST", dead, "*", {}, "X-Request-Id: mine\r\n");
  CHECK(answer.status == 202);
  CHECK(answer.body.at("state") == "received");
  CHECK(answer.head.find("X-Request-Id: mine") != std::string::npos);
  CHECK(f.db.value(
            "SELECT concat_ws(',', actor, org_id, team_node_id, action, target, result, request_id) FROM "
            "orchestrator.admin_audit") ==
        "*@example.com,o1,t,events.replay,/api/v1/admin" + dead + ",202,mine");
  answer = api.call("POST", dead);
  CHECK(answer.status == 409);
  CHECK(answer.detail() == "the event has not ended yet");

  Inbox& inbox = f.worker();
  f.route_all(inbox, "o1", "t");
  f.finish(inbox, f.claim_all(inbox).at(0));
  CHECK(api.call("POST", dead).detail() == "the event is done; force starts another run");
  CHECK(api.call("POST", dead, "*", R"({"force": 1})").status == 422);
  CHECK(api.call("POST", dead, "*", R"({"forse": true})").detail() ==
        "forse: Extra inputs are not permitted");
  CHECK(api.call("POST", dead, "*", R"([])").detail() ==
        "body: Input should be a valid dictionary or object to extract fields from");
  CHECK(api.call("POST", dead, "*", R"({"force": true})").status == 202);

  f.db.run("DELETE FROM orchestrator.payloads");
  answer = api.call("POST", "/events/" + f.id_of("2").str() + "/replay");
  CHECK(answer.status == 409);
  CHECK(answer.detail() == "the event's payload is not kept any more");
  CHECK(f.db.count("orchestrator.admin_audit") == 8);
}

TEST_CASE("controls are put and listed") {
  Fixture f;
  Api api{f};
  Answer answer = api.call("PUT", "/controls", "*", R"({"source": "slack", "org_id": null, "paused": true})");
  CHECK(answer.status == 200);
  CHECK(answer.body.at("control").at("source") == "slack");
  CHECK(api.call("PUT", "/controls", "*", R"({"org_id": "o1", "team_node_id": "t", "runs_per_hour": 5})")
            .status == 200);
  answer = api.get("/controls");
  REQUIRE(answer.body.at("controls").size() == 2);
  CHECK(answer.body.at("controls").at(0).at("runs_per_hour") == 5);
  CHECK(answer.body.at("controls").at(0).at("changed_by") == "*@example.com");
  CHECK(answer.body.at("controls").at(1).at("paused") == true);
  CHECK(api.call("PUT", "/controls", "*", R"({"source": "slack", "paused": false})").status == 200);
  CHECK(api.get("/controls").body.at("controls").size() == 1);
  CHECK(f.db.count("orchestrator.admin_audit WHERE action = 'controls.put' AND result = '200'") == 3);
  CHECK(f.db.count(R"(orchestrator.admin_audit WHERE target = '{"paused":false,"source":"slack"}')") == 1);
}

TEST_CASE("an org's administrator changes only the controls of this org") {
  Fixture f;
  Api api{f};
  for (const char* body : {R"({"paused": true})", R"({"source": "slack", "paused": true})",
                           R"({"org_id": "o2", "paused": true})", R"({"org_id": "", "paused": true})"}) {
    CAPTURE(body);
    CHECK(api.call("PUT", "/controls", "o1", body).status == 403);
  }
  CHECK(f.db.count("orchestrator.controls") == 0);
  CHECK(f.db.count("orchestrator.admin_audit WHERE result = '403' AND org_id = 'o1'") == 4);
  CHECK(api.call("PUT", "/controls", "o1", R"({"org_id": "o1", "source": "slack", "paused": true})").status ==
        200);
  CHECK(api.call("PUT", "/controls", "*", R"({"org_id": "o2", "paused": true})").status == 200);
  CHECK(api.call("PUT", "/controls", "*", R"({"paused": true})").status == 200);
  const Answer list = api.get("/controls", "o1");
  REQUIRE(list.body.at("controls").size() == 2);
  CHECK(list.body.at("controls").at(0).at("org_id") == "");
  CHECK(list.body.at("controls").at(0).at("changed_by").is_null());
  CHECK(list.body.at("controls").at(1).at("changed_by") == "o1@example.com");
}

TEST_CASE("a control that cannot be is refused with the reason") {
  Fixture f;
  Api api{f};
  const std::map<std::string, std::string> never{
      {R"({"team_node_id": "t", "paused": true})", "team_node_id: needs an org_id"},
      {R"({"source": "slack", "runs_per_hour": 1})", "runs_per_hour: is of teams, not of a source"},
  };
  for (const auto& [body, detail] : never) {
    const Answer answer = api.call("PUT", "/controls", "*", body);
    CHECK(answer.status == 400);
    CHECK(answer.detail() == detail);
  }
  const std::map<std::string, std::string> wrong{
      {R"({"runs_per_hour": -1})", "runs_per_hour: Input should be greater than or equal to 0"},
      {R"({"runs_per_hour": 1000001})", "runs_per_hour: Input should be less than or equal to 1000000"},
      {R"({"runs_per_hour": 1.5})", "runs_per_hour: Input should be a valid integer"},
      {R"({"paused": "yes"})", "paused: Input should be a valid boolean"},
      {R"({"org_id": 5})", "org_id: Input should be a valid string"},
      {R"({"org_id": "a\u0000b"})", "org_id: Value error, a NUL is not allowed"},
      {R"({"source": "gitlab"})", "source: Value error, there is no such source"},
      {R"({"pause": true})", "pause: Extra inputs are not permitted"},
      {"\xff", "body: JSON decode error"},
  };
  for (const auto& [body, detail] : wrong) {
    const Answer answer = api.call("PUT", "/controls", "*", body);
    CHECK(answer.status == 422);
    CHECK(answer.detail() == detail);
  }
  CHECK(f.db.count("orchestrator.admin_audit WHERE result = '422'") ==
        static_cast<std::int64_t>(wrong.size()));
}

TEST_CASE("who is not let in is told why, and nothing else") {
  Fixture f;
  Api api{f};
  Answer answer = api.get("/events", "");
  CHECK(answer.status == 401);
  CHECK(answer.detail() == "Missing admin token");
  CHECK(answer.head.find("WWW-Authenticate: Bearer") != std::string::npos);
  CHECK(answer.head.find("X-Request-Id: ") != std::string::npos);
  answer = api.get("/events", "nobody");
  CHECK(answer.status == 401);
  CHECK(answer.detail() == "Invalid admin token");

  api.permissions = {"admin:events:read"};
  CHECK(api.get("/events", "a").status == 200);
  answer = api.get("/controls", "b");
  CHECK(answer.status == 403);
  CHECK(answer.detail() == "insufficient_permissions");
  CHECK(api.call("POST", "/events/017f22e2-79b0-7cc3-98c4-dc0c0c07398f/replay", "c").status == 403);

  api.failure = Error{ErrorCode::Unavailable, "http://config-service:8080 is away"};
  answer = api.get("/events", "d");
  CHECK(answer.status == 502);
  CHECK(answer.detail() == "config_service_unavailable");
}

TEST_CASE("a database that is away is a 503 that tells nothing of it") {
  Fixture f;
  Api api{f};
  f.db.close(true);
  f.db.break_connections();
  const Answer answer = api.get("/events");
  CHECK(answer.status == 503);
  CHECK(answer.detail() == "database_unavailable");
  f.db.close(false);
  CHECK(api.get("/events").status == 200);
}

}  // namespace
}  // namespace tp::gateway::test
