#include "gateway/platform/agent_request.h"

#include "support/catch.h"

namespace tp::gateway {
namespace {

using nlohmann::json;
using namespace std::chrono_literals;

AgentRun a_run() {
  AgentRun run;
  run.event_id = EventId{"0190-e1"};
  run.team_token = crypto::Secret{"jwt"};
  run.agent_name = "planner";
  run.message = "why?";
  return run;
}

AgentCall call_of(const AgentRun& run, const AgentSettings& settings = {}) {
  auto call = agent_call(settings, run);
  if (!call) FAIL(call.error());
  return *std::move(call);
}

TEST_CASE("agent request: everything that is given, in the agent's words") {
  AgentRun run = a_run();
  run.context = {{"user_id", "U1"}};
  run.timeout = 300s;
  run.max_turns = 50;
  run.output_destinations = json::array({{{"type", "slack"}}});
  run.trigger_source = "slack";
  const AgentCall call = call_of(run);
  CHECK(call.request.method == http::Method::Post);
  CHECK(call.request.target == "/agents/planner/run");
  CHECK(call.request.headers.find("Content-Type") == "application/json");
  CHECK(call.request.headers.find("X-IncidentFox-Team-Token") == "jwt");
  CHECK(call.request.headers.find("X-Correlation-ID") == "0190-e1");
  CHECK(call.request.headers.find("Idempotency-Key") == "0190-e1");
  CHECK_FALSE(call.request.headers.find("Authorization"));
  CHECK(json::parse(call.request.body) ==
        json::parse(R"({"message":"why?","context":{"user_id":"U1"},"timeout":300,
    "max_turns":50,"output_destinations":[{"type":"slack"}],"trigger_source":"slack"})"));
  CHECK(call.wait == 310s);
}

TEST_CASE("agent request: what is not given is not sent, but an empty list of destinations is") {
  CHECK(json::parse(call_of(a_run()).request.body) == json{{"message", "why?"}});
  AgentRun run = a_run();
  run.output_destinations = json::array();
  CHECK(json::parse(call_of(run).request.body).at("output_destinations") == json::array());
}

TEST_CASE("agent request: the wait outlasts the run") {
  AgentRun run = a_run();
  CHECK(call_of(run).wait == 610s);
  run.timeout = 5s;
  CHECK(call_of(run).wait == 30s);
  run.timeout = 180s;
  CHECK(call_of(run).wait == 190s);
}

TEST_CASE("agent request: no name leads to another path") {
  AgentRun run = a_run();
  for (const char* name : {"", ".", ".."}) {
    run.agent_name = name;
    REQUIRE_FALSE(agent_call({}, run));
    CHECK(agent_call({}, run).error().code == ErrorCode::InvalidArgument);
  }
  run.agent_name = "../x?y#z/ä";
  CHECK(call_of(run).request.target == "/agents/..%2Fx%3Fy%23z%2F%C3%A4/run");
  AgentSettings next;
  next.path = "/api/v1/run";
  CHECK(call_of(run, next).request.target == "/api/v1/run");
}

TEST_CASE("agent request: limits by trigger") {
  const AgentSettings settings;
  CHECK(settings.limits("slack") == RunLimits{300s, 50});
  CHECK(settings.limits("github") == RunLimits{180s, 30});
  CHECK(settings.limits("pagerduty") == RunLimits{300s, 50});
  CHECK(settings.limits("incidentio") == RunLimits{300s, 50});
  CHECK(settings.limits("generic") == RunLimits{300s, 50});
  CHECK(settings.limits("probe") == RunLimits{60s, 1});
  CHECK(settings.limits("whatever") == settings.generic);
}

}  // namespace
}  // namespace tp::gateway
