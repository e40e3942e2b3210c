#include "gateway/platform/config_service.h"

#include "fake_platform.h"

namespace tp::gateway {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using test::Platform;
using End = test::ScriptHttpClient::End;

const TeamRef kTeam{"acme", "team-a"};
constexpr const char* kMiss =
    R"({"found":false,"org_id":null,"team_node_id":null,"team_token":null,"tried":[]})";

TEST_CASE_METHOD(Platform, "lookup: the team, or nobody") {
  answers(
      {"/api/v1/internal/routing/lookup"},
      R"({"found":true,"org_id":"acme","team_node_id":"team-a","team_token":null,"matched_by":"github_repo"})");
  const auto team = service.lookup(ctx, {{"github_repo", "acme/app"}, {"slack_channel_id", "C1"}}, "");
  if (!team) FAIL(team.error());
  CHECK(*team == kTeam);
  const http::Request sent = http.requests().back();
  CHECK(sent.method == http::Method::Post);
  CHECK(sent.headers.find("X-Internal-Service") == "orchestrator");
  CHECK_FALSE(sent.headers.find("Authorization"));
  CHECK(json::parse(sent.body) ==
        json::parse(R"({"identifiers":{"github_repo":"acme/app","slack_channel_id":"C1"}})"));

  answers({}, kMiss);
  const auto nobody = service.lookup(ctx, {{"slack_channel_id", "C2"}}, "acme");
  if (!nobody) FAIL(nobody.error());
  CHECK_FALSE(*nobody);
  CHECK(json::parse(http.requests().back().body).at("org_id") == "acme");
  CHECK(http.deadline() == clock.now() + 10s);
}

TEST_CASE_METHOD(Platform, "lookup: half an answer is none") {
  for (const char* body : {"", "[]", "{}", "<html>", R"({"found":true})", R"({"found":true,"org_id":"a"})"}) {
    INFO(body);
    answers({}, body);
    const auto team = service.lookup(ctx, {{"slack_channel_id", "C1"}}, "");
    REQUIRE_FALSE(team);
    CHECK(team.error().code == ErrorCode::DataLoss);
  }
}

TEST_CASE_METHOD(Platform, "answers are judged by what to do next") {
  struct Row {
    int status;
    ErrorCode code;
  };
  for (const Row& row : std::vector<Row>{{307, ErrorCode::InvalidArgument},
                                         {400, ErrorCode::InvalidArgument},
                                         {401, ErrorCode::Unauthenticated},
                                         {403, ErrorCode::PermissionDenied},
                                         {404, ErrorCode::NotFound},
                                         {409, ErrorCode::Conflict},
                                         {422, ErrorCode::InvalidArgument},
                                         {429, ErrorCode::ResourceExhausted},
                                         {500, ErrorCode::Unavailable},
                                         {503, ErrorCode::Unavailable}}) {
    INFO(row.status);
    answers({}, R"({"detail":"s3cret"})", row.status, {{"Retry-After", "3"}});
    const auto me = service.auth_me(ctx, crypto::Secret{"s3cret"});
    REQUIRE_FALSE(me);
    CHECK(me.error().code == row.code);
    CHECK(me.error().message == "config service: GET /api/v1/auth/me: " + std::to_string(row.status));
    CHECK(me.error().retry_after.has_value() == (row.status >= 400));
  }
}

TEST_CASE_METHOD(Platform, "no answer: the message has no address, and no doubt falls on the token") {
  struct Row {
    End end;
    ErrorCode code;
  };
  for (const Row& row : std::vector<Row>{{End::Refuse, ErrorCode::Unavailable},
                                         {End::Cut, ErrorCode::Unavailable},
                                         {End::Silence, ErrorCode::DeadlineExceeded}}) {
    http.add({}, {200, {}, row.end});
    const auto calls = service.tool_calls(ctx, "run-1");
    REQUIRE_FALSE(calls);
    CHECK(calls.error().code == row.code);
    CHECK(calls.error().message.starts_with(
        "config service: GET /api/v1/internal/agent-runs/run-1/tool-calls: "));
    CHECK(calls.error().message.find("refused") == std::string::npos);
  }
}

TEST_CASE_METHOD(Platform, "impersonation token: its end is UTC") {
  answers({"/api/v1/admin/orgs/acme/teams/team-a/impersonation-token"},
          R"({"token":"a.b.c","expires_at":"2026-01-01T00:15:00"})");
  const auto token = service.impersonation_token(ctx, kTeam);
  if (!token) FAIL(token.error());
  CHECK(token->token.reveal() == "a.b.c");
  CHECK(token->expires_at == clock.wall_now() + 15min);
  CHECK(last_header("Authorization") == "Bearer admin-secret");
  CHECK(http.requests().back().body.empty());
  CHECK(platform::parse_service_time("2026-01-01T00:15:00.5+00:00") == clock.wall_now() + 15min + 500ms);
  CHECK_FALSE(platform::parse_service_time("soon"));

  answers({}, R"({"token":"a.b.c","expires_at":"soon"})");
  CHECK(service.impersonation_token(ctx, kTeam).error().code == ErrorCode::DataLoss);
}

TEST_CASE_METHOD(Platform, "our own token refused is not the team's token refused") {
  answers({}, R"({"detail":"Invalid admin token"})", 401);
  const auto token = service.impersonation_token(ctx, kTeam);
  REQUIRE_FALSE(token);
  CHECK(token.error().code == ErrorCode::PermissionDenied);
  CHECK(admin.refusals == 1);
}

TEST_CASE_METHOD(Platform, "names are one segment of a path, or refused") {
  mints("t");
  REQUIRE(service.impersonation_token(ctx, {"a/b", "../../x"}));
  CHECK(http.requests().back().target == "/api/v1/admin/orgs/a%2Fb/teams/..%2F..%2Fx/impersonation-token");
  for (const std::string& name :
       {std::string{}, std::string{"."}, std::string{".."}, std::string{"a\0b", 3}}) {
    CHECK(service.impersonation_token(ctx, {name, "t"}).error().code == ErrorCode::InvalidArgument);
    CHECK(service.impersonation_token(ctx, {"o", name}).error().code == ErrorCode::InvalidArgument);
    CHECK(service.tool_calls(ctx, name).error().code == ErrorCode::InvalidArgument);
  }
  CHECK(http.requests().size() == 1);
}

TEST_CASE_METHOD(Platform, "effective configuration: by the team's token") {
  answers(
      {"/api/v1/config/me"},
      R"({"node_id":"team-a","effective_config":{"entrance_agent":"x"},"computed_at":null,"hierarchy":[]})");
  const auto config = service.effective_config(ctx, crypto::Secret{"jwt"});
  if (!config) FAIL(config.error());
  CHECK(*config == json{{"entrance_agent", "x"}});
  CHECK(last_header("Authorization") == "Bearer jwt");
  answers({}, "{}");
  CHECK(service.effective_config(ctx, crypto::Secret{"jwt"}).error().code == ErrorCode::DataLoss);
}

TEST_CASE_METHOD(Platform, "principal: what the service says, nulls and all") {
  answers(
      {"/api/v1/auth/me"},
      R"({"role":"admin","auth_kind":"admin_token","org_id":null,"team_node_id":null,"subject":"super_admin",
              "email":null,"can_write":true,"permissions":["admin:*"],"visitor_session_id":null})");
  const auto me = service.auth_me(ctx, crypto::Secret{"tok"});
  if (!me) FAIL(me.error());
  CHECK(me->role == "admin");
  CHECK(me->auth_kind == "admin_token");
  CHECK(me->org_id.empty());
  CHECK(me->subject == "super_admin");
  CHECK(me->can_write);
  CHECK(me->permissions == std::vector<std::string>{"admin:*"});
  CHECK(last_header("Authorization") == "Bearer tok");

  answers({}, R"({"role":"team","permissions":"team:read"})");
  const auto other = service.auth_me(ctx, crypto::Secret{"tok"});
  if (!other) FAIL(other.error());
  CHECK_FALSE(other->can_write);
  CHECK(other->permissions == std::vector<std::string>{"team:read"});
  answers({}, R"({"detail":"Invalid token"})", 401);
  CHECK(service.auth_me(ctx, crypto::Secret{"x"}).error().code == ErrorCode::Unauthenticated);
  CHECK(admin.refusals == 0);
}

TEST_CASE_METHOD(Platform, "audit: found, found on a later page, not found") {
  const auto page = [](const std::string& ids, bool more) {
    return R"({"events":[)" + ids + R"(],"total":1,"limit":500,"offset":0,"has_more":)" +
           (more ? "true}" : "false}");
  };
  const auto has_run = [&] {
    return service.audit_has_run(ctx, {"acme", "team a"}, "e-1", clock.wall_now());
  };
  answers({"/api/v1/admin/orgs/acme/unified-audit?", "sources=agent", "team_node_id=team%20a",
           "since=2026-01-01T00%3A00%3A00Z", "limit=500", "offset=0"},
          page(R"({"correlation_id":null},{"correlation_id":"e-1"})", true));
  CHECK(*has_run());
  CHECK(last_header("Authorization") == "Bearer admin-secret");

  answers({"offset=0"}, page(R"({"correlation_id":"e-10"})", true));
  answers({"offset=500"}, page(R"({"correlation_id":"e-1"})", false));
  CHECK(*has_run());

  answers({}, page(R"({"correlation_id":"e-2"})", false));
  CHECK_FALSE(*has_run());
  CHECK(http.problems().empty());

  // Not knowing is an error, never "not found": a run would be started again.
  answers({}, "", 500);
  CHECK(has_run().error().code == ErrorCode::Unavailable);
  answers({}, R"({"total":0})");
  CHECK(has_run().error().code == ErrorCode::DataLoss);
  for (int i = 0; i < 20; ++i) answers({}, page(R"({"correlation_id":"e-2"})", true));
  CHECK(has_run().error().code == ErrorCode::Unavailable);
}

TEST_CASE_METHOD(Platform, "feedback and runs are recorded as an internal service") {
  answers({"/api/v1/internal/feedback"}, "{}");
  REQUIRE(service.feedback(ctx, {"r1", "c1", false, "U1", "https://hooks.slack.com/secret"}));
  CHECK(last_header("X-Internal-Service") == "orchestrator");
  CHECK(
      json::parse(http.requests().back().body) ==
      json::parse(
          R"({"run_id":"r1","correlation_id":"c1","feedback":"negative","user_id":"U1","source":"slack"})"));

  answers({"/api/v1/internal/agent-runs"}, "{}");
  REQUIRE(service.record_run(ctx, {"r1", kTeam, "c1", "planner", "slack", "why?"}));
  CHECK(json::parse(http.requests().back().body) ==
        json::parse(R"({"run_id":"r1","org_id":"acme","team_node_id":"team-a","correlation_id":"c1",
                        "agent_name":"planner","trigger_source":"slack","trigger_message":"why?"})"));

  answers({"/api/v1/internal/agent-runs/r1"}, "{}");
  REQUIRE(service.end_run(ctx, "r1", {.success = false, .duration = 1500ms, .error = "refused"}));
  CHECK(http.requests().back().method == http::Method::Patch);
  CHECK(json::parse(http.requests().back().body) ==
        json::parse(R"({"status":"failed","duration_seconds":1.5,"output_summary":null,"output_json":null,
                        "error_message":"refused"})"));

  // An output that is no object is refused with 422.
  answers({"/api/v1/internal/agent-runs/r1"}, "{}");
  REQUIRE(service.end_run(ctx, "r1", {.success = true, .output = "text"}));
  CHECK(json::parse(http.requests().back().body).at("output_json") == json{{"output", "text"}});
}

TEST_CASE_METHOD(Platform, "tool calls: the list") {
  answers({"/api/v1/internal/agent-runs/r%2F1/tool-calls"},
          R"({"tool_calls":[{"tool_name":"x"}],"total":1})");
  const auto calls = service.tool_calls(ctx, "r/1");
  if (!calls) FAIL(calls.error());
  CHECK(calls->at(0).at("tool_name") == "x");
  CHECK(last_header("X-Internal-Service") == "orchestrator");
}

}  // namespace
}  // namespace tp::gateway
