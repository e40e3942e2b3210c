#include "gateway/admin/agent_runs.h"

#include <string>

#include "../fake_service.h"
#include "api.h"
#include "gateway/admin/pipeline.h"
#include "json/parse.h"

// The admin API's routes that call the platform: agents, and the AI pipeline.
namespace tp::gateway::test {
namespace {

using namespace std::chrono_literals;
using Json = nlohmann::json;

struct Runs {
  explicit Runs(std::size_t in_flight = 10)
      : config([this](const http::Request& request) { return config_service(request); }),
        agent([](const http::Request& /*request*/) {
          return answer(200, R"({"success":true,"output":{"summary":"fine"}})");
        }),
        pipeline([](const http::Request& /*request*/) { return answer(200, R"({"job_name":"job-1"})"); }),
        runs(
            {.urls = {"http://shared", {}}, .in_flight = in_flight},
            [this](const std::string& url) -> Result<std::unique_ptr<http::HttpClient>> {
              agents.push_back(url);
              return std::unique_ptr<http::HttpClient>{std::make_unique<Borrowed>(agent)};
            },
            directory,
            service,
            f.pool(),
            clock,
            f.rng,
            no_log()),
        api(f, together({runs.routes(), pipeline_routes(&pipeline_client)})) {}

  static AdminRoutes together(const std::vector<AdminRoutes>& parts) {
    AdminRoutes routes;
    for (const AdminRoutes& part : parts) routes.insert(routes.end(), part.begin(), part.end());
    return routes;
  }
  static Json request() {
    return {{"org_id", "o1"}, {"team_node_id", "t"}, {"agent_name", "planner"}, {"message", "why?"}};
  }
  Answer run(const Json& body, const std::string& as = "*") {
    return api.call("POST", "/agents/run", as, body.dump(), "X-Request-Id: r1\r\n");
  }
  http::Exchange config_service(const http::Request& request) const {
    const auto is = [&](std::string_view part) { return request.target.find(part) != std::string::npos; };
    if (away) return not_connected();
    if (is("/impersonation-token"))
      return answer(200, R"({"token":")" + token + R"(","expires_at":"2099-01-01T00:00:00"})");
    if (is("/config/me")) {
      const Json agent_config{{"dedicated_service_url", dedicated_url}};
      return answer(200, Json{{"effective_config", {{"agent", agent_config}}}}.dump());
    }
    return answer(200);
  }
  // What was written to the record of runs, once it is there.
  Json ended() {
    for (int i = 0; i < 1000; ++i) {
      for (const http::Request& request : config.requests()) {
        if (request.method == http::Method::Patch) return Json::parse(request.body);
      }
      Mutex m;
      const MutexLock lock{m};
      static_cast<void>(never.wait_for(m, {}, 10ms, [] { return false; }));
    }
    return {};
  }

  Fixture f;
  SystemClock clock;
  CondVar never;
  bool away = false;
  std::string token = "impersonation-secret";
  std::string dedicated_url;
  std::vector<std::string> agents;
  FakeService config;
  FakeService agent;
  FakeService pipeline;
  NoToken no_token;
  ConfigService service{config, no_token, clock};
  Directory directory{service, clock};
  platform::PipelineClient pipeline_client{pipeline, no_token, clock};
  AgentRunsApi runs;
  Api api;
};

TEST_CASE("an administrator runs an agent, and the run is on record") {
  Runs r;
  Json body = Runs::request();
  body["context"] = {{"ticket", 7}};
  body["timeout"] = 90;
  body["max_turns"] = 12;
  const Answer said = r.run(body);
  CHECK(said.status == 200);
  CHECK(said.body == Json{{"team_node_id", "t"},
                          {"agent_name", "planner"},
                          {"agent_result", {{"success", true}, {"output", {{"summary", "fine"}}}}}});
  CHECK(said.head.find("X-Request-Id: r1") != std::string::npos);

  CHECK(r.agents == std::vector<std::string>{"http://shared"});
  REQUIRE(r.agent.requests().size() == 1);
  const http::Request sent = r.agent.requests().front();
  CHECK(sent.target == "/agents/planner/run");
  CHECK(sent.headers.find("X-IncidentFox-Team-Token") == "impersonation-secret");
  CHECK_FALSE(sent.headers.find("Authorization"));
  CHECK(Json::parse(sent.body) == Json{{"message", "why?"},
                                       {"context", {{"ticket", 7}}},
                                       {"timeout", 90},
                                       {"max_turns", 12},
                                       {"trigger_source", "api"}});
  const Json end = r.ended();
  CHECK(end.at("status") == "completed");
  CHECK(end.at("output_summary") == "fine");
  CHECK(end.at("output_json").is_object());
  CHECK(r.config.count("/internal/agent-runs/" + std::string{*sent.headers.find("X-Correlation-ID")}) == 1);
  CHECK(r.f.db.value(
            "SELECT concat_ws(',', actor, org_id, team_node_id, action, target, result, request_id) FROM "
            "orchestrator.admin_audit") == "*@example.com,o1,t,agents.run,agent planner,200,r1");
}

TEST_CASE("a run goes to the team's own agent only where the platform vouches for it") {
  Runs r;
  r.dedicated_url = "http://own.o1.svc.cluster.local:8080";
  SECTION("it is the team's runtime") {
    must(TeamRuntimes{r.f.pool()}.put(r.f.ctx(), {"o1", "t", r.dedicated_url, true}));
    CHECK(r.run(Runs::request()).status == 200);
    CHECK(r.agents == std::vector<std::string>{r.dedicated_url});
  }
  SECTION("it is another tenant's") {
    must(TeamRuntimes{r.f.pool()}.put(r.f.ctx(), {"o2", "t", r.dedicated_url, true}));
    CHECK(r.run(Runs::request()).status == 200);
    CHECK(r.agents == std::vector<std::string>{"http://shared"});
  }
}

TEST_CASE("a name stays one segment of the agent's path") {
  Runs r;
  Json body = Runs::request();
  body["agent_name"] = "../x";
  static_cast<void>(r.run(body));
  REQUIRE(r.agent.requests().size() == 1);
  CHECK(r.agent.requests().front().target == "/agents/..%2Fx/run");
  body["agent_name"] = "..";
  const Answer refused = r.run(body);
  CHECK(refused.status == 422);
  CHECK(refused.detail() == "agent_name: Value error, it cannot be a part of a path");
}

TEST_CASE("fields out of their bounds are a 422 that names them, and nothing is asked of anybody") {
  Runs r;
  const std::map<std::string, Json> wrong{{"org_id", ""},
                                          {"team_node_id", std::string(129, 'x')},
                                          {"agent_name", std::string(65, 'x')},
                                          {"message", ""},
                                          {"context", "text"},
                                          {"timeout", 0},
                                          {"timeout", 1e9},
                                          {"max_turns", "many"}};
  for (const auto& [field, value] : wrong) {
    CAPTURE(field);
    Json body = Runs::request();
    body[field] = value;
    const Answer said = r.run(body);
    CHECK(said.status == 422);
    CHECK(said.body.at("detail").at(0).at("loc") == Json::array({"body", field}));
  }
  CHECK(r.config.requests().empty());
}

TEST_CASE("an org's administrator runs no agent of another org") {
  Runs r;
  const Answer said = r.run(Runs::request(), "o2");
  CHECK(said.status == 403);
  CHECK(r.agent.requests().empty());
  CHECK(r.config.requests().empty());
  CHECK(r.f.db.count(
            "orchestrator.admin_audit WHERE org_id = 'o2' AND team_node_id = '' AND result = '403'") == 1);
  CHECK(r.run(Runs::request(), "o1").status == 200);
}

TEST_CASE("what the platform does not do is a 502 that names no address and no secret") {
  Runs r;
  SECTION("the agent refuses") {
    r.agent.serve([](const http::Request& /*request*/) { return answer(404, "http://internal:8080"); });
    CHECK(r.run(Runs::request()).detail() == "agent_upstream_error: http_404");
    const Json end = r.ended();
    CHECK(end.at("status") == "failed");
    CHECK(end.at("error_message") == "http_404");
  }
  SECTION("the agent is away") {
    r.agent.serve([](const http::Request& /*request*/) { return not_connected(); });
    CHECK(r.run(Runs::request()).detail() == "agent_upstream_error: not_connected");
  }
  SECTION("its answer is not JSON") {
    r.agent.serve([](const http::Request& /*request*/) { return answer(200, "<html>"); });
    CHECK(r.run(Runs::request()).detail() == "agent_upstream_error: its answer is not JSON");
  }
  SECTION("the Config Service is away") {
    r.away = true;
    const Answer said = r.run(Runs::request());
    CHECK(said.status == 502);
    CHECK(said.detail() == "config_service_unavailable");
    CHECK(r.agent.requests().empty());
  }
  SECTION("it gives no token") {
    r.token.clear();
    CHECK(r.run(Runs::request()).detail() == "config_service_impersonation_token_missing");
  }
}

TEST_CASE("only so many runs at a time, and an answer may come from any thread") {
  Runs r{1};
  r.agent.hold(true);
  std::jthread first{[&] { CHECK(r.run(Runs::request()).status == 200); }};
  Mutex m;
  for (int i = 0; i < 1000 && r.agent.requests().empty(); ++i) {
    const MutexLock lock{m};
    static_cast<void>(r.never.wait_for(m, {}, 10ms, [] { return false; }));
  }
  const Answer busy = r.run(Runs::request());
  CHECK(busy.status == 503);
  CHECK(busy.detail() == "too_many_runs");
  CHECK(busy.head.find("Retry-After: ") != std::string::npos);
  r.agent.end_held(answer(200));
  first.join();
  r.agent.hold(false);
  CHECK(r.run(Runs::request()).status == 200);
}

TEST_CASE("a pipeline is started with its own token, and what it says is told") {
  Runs r;
  const std::string body = R"({"org_id":"o1","team_node_id":"t"})";
  Answer said = r.api.call("POST", "/pipeline/trigger", "*", body, "X-Request-Id: once\r\n");
  CHECK(said.status == 200);
  CHECK(said.body.at("ok") == true);
  CHECK(said.body.at("job_name") == "job-1");
  const http::Request sent = r.pipeline.requests().front();
  CHECK(sent.target == "/api/v1/teams/t/run");
  CHECK(sent.headers.find("Authorization") ==
        "Bearer admin");  // the pipeline's, which is not the caller's "*"
  CHECK(sent.headers.find("Idempotency-Key") == "once");

  r.pipeline.serve([](const http::Request& /*request*/) { return answer(500); });
  said = r.api.call("POST", "/pipeline/trigger", "*", body);
  CHECK(said.status == 200);
  CHECK(said.body == Json{{"ok", false},
                          {"job_name", nullptr},
                          {"message", "AI pipeline: POST /api/v1/teams/t/run: 500"}});
  CHECK(r.api.call("POST", "/pipeline/trigger", "o2", body).status == 403);
}

}  // namespace
}  // namespace tp::gateway::test
