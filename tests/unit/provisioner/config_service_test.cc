#include "provisioner/platform/config_service.h"

#include <chrono>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "json/parse.h"
#include "support/catch.h"
#include "support/fake_clock.h"
#include "support/script_http_client.h"

namespace tp::provisioner {
namespace {

using http::Method;
using std::chrono::minutes;
using std::chrono::seconds;
using test::FakeClock;
using test::ScriptHttpClient;
using End = ScriptHttpClient::End;
using Json = nlohmann::json;
using Strings = std::vector<std::string>;

class Principal final : public http::TokenSource {
 public:
  Result<crypto::Secret> token(const Context& /*ctx*/) override {
    if (failing) return Error{ErrorCode::Unavailable, "no file"};
    return crypto::Secret{"principal-secret"};
  }
  void rejected() noexcept override { ++refusals; }

  bool failing = false;
  int refusals = 0;
};

const TeamId kTeam{"acme", "checkout"};

struct Fixture {
  FakeClock clock;
  ScriptHttpClient http;
  Principal principal;
  ConfigService service{http, principal, clock};

  void answers(std::string body, int status = 200, http::Headers headers = {}) {
    http.add({}, {status, {std::move(body)}, End::Close, std::move(headers)});
  }
  [[nodiscard]] http::Request last() { return http.requests().back(); }
  // "GET /path"
  [[nodiscard]] std::string asked() { return std::string{to_string(last().method)} + " " + last().target; }
  [[nodiscard]] std::size_t calls() { return http.requests().size(); }
};

// One of each call; what it answers, or its error.
struct Call {
  const char* name;
  std::function<Status(ConfigService&, const TeamId&)> make;
};

Status verdict(const auto& result) {
  if (!result) return result.error();
  return ok();
}

const std::vector<Call> kCalls{
    {"principal", [](ConfigService& s, const TeamId&) { return verdict(s.principal({})); }},
    {"has_node", [](ConfigService& s, const TeamId& t) { return verdict(s.has_node({}, t.org, t.team)); }},
    {"create_node", [](ConfigService& s, const TeamId& t) { return s.create_node({}, t, "p", "n"); }},
    {"config", [](ConfigService& s, const TeamId& t) { return verdict(s.config({}, t)); }},
    {"effective_config",
     [](ConfigService& s, const TeamId& t) { return verdict(s.effective_config({}, t)); }},
    {"put_config",
     [](ConfigService& s, const TeamId& t) {
       return verdict(s.put_config({}, t, {{"k", "planted-secret"}}));
     }},
    {"live_tokens", [](ConfigService& s, const TeamId& t) { return verdict(s.live_tokens({}, t)); }},
    {"issue_token", [](ConfigService& s, const TeamId& t) { return verdict(s.issue_token({}, t)); }},
    {"revoke_token", [](ConfigService& s, const TeamId& t) { return s.revoke_token({}, t, "id"); }},
    {"team_nodes", [](ConfigService& s, const TeamId& t) { return verdict(s.team_nodes({}, t.org)); }},
};

TEST_CASE("config service: nodes", "[config_service]") {
  Fixture f;
  f.answers(R"({"node_id":"checkout"})");
  CHECK(*f.service.has_node({}, "acme", "checkout"));
  CHECK(f.asked() == "GET /api/v1/admin/orgs/acme/nodes/checkout");
  CHECK(f.last().headers.find("Authorization") == "Bearer principal-secret");
  CHECK(f.http.deadline() == f.clock.now() + ConfigService::kTimeout);
  f.answers("{}", 404);
  CHECK_FALSE(*f.service.has_node({}, "acme", "checkout"));

  f.answers(
      R"([{"node_id":"acme","node_type":"org"},{"node_id":"a","parent_id":"acme","node_type":"team","name":"A"},
                {"node_id":"b","parent_id":null,"node_type":"team","name":null}])");
  const auto nodes = f.service.team_nodes({}, "acme");
  CHECK(f.asked() == "GET /api/v1/admin/orgs/acme/nodes");
  REQUIRE(nodes->size() == 2);
  CHECK((nodes->front().id == "a" && nodes->front().parent == "acme" && nodes->front().name == "A"));
  CHECK((nodes->back().id == "b" && nodes->back().parent.empty() && nodes->back().name.empty()));

  f.answers("{}", 201);
  CHECK(f.service.create_node({}, kTeam, "root", "Check Out"));
  CHECK(f.asked() == "POST /api/v1/admin/orgs/acme/nodes");
  CHECK(f.last().headers.find("Content-Type") == "application/json");
  CHECK(*json::parse(f.last().body) ==
        Json{{"node_id", "checkout"}, {"node_type", "team"}, {"parent_id", "root"}, {"name", "Check Out"}});
  f.answers("{}");
  CHECK(f.service.create_node({}, kTeam, "", ""));
  CHECK(*json::parse(f.last().body) == Json{{"node_id", "checkout"}, {"node_type", "team"}});
}

TEST_CASE("config service: configurations", "[config_service]") {
  Fixture f;
  f.answers(R"({"node_id":"checkout","config":{"a":{"b":1}},"version":3})");
  CHECK(*f.service.config({}, kTeam) == Json{{"a", {{"b", 1}}}});
  CHECK(f.asked() == "GET /api/v1/admin/orgs/acme/nodes/checkout/config");
  f.answers(R"({"effective_config":{"x":1}})");
  CHECK(*f.service.effective_config({}, kTeam) == Json{{"x", 1}});
  CHECK(f.asked() == "GET /api/v1/config/orgs/acme/nodes/checkout/effective");

  f.answers(R"({"config":{}})");
  CHECK(*f.service.put_config({}, kTeam, {{"a", nullptr}}) == ConfigService::Put::Accepted);
  CHECK(f.asked() == "PUT /api/v1/admin/orgs/acme/nodes/checkout/config");
  CHECK(f.last().headers.find("Content-Type") == "application/json");
  CHECK(*json::parse(f.last().body) == Json{{"patch", {{"a", nullptr}}}});
  f.answers(R"({"status":"pending_approval","change_id":"c1"})", 202);
  CHECK(*f.service.put_config({}, kTeam, Json::object()) == ConfigService::Put::PendingApproval);
  f.answers("");
  CHECK(*f.service.put_config({}, kTeam, Json::object()) == ConfigService::Put::Accepted);
}

TEST_CASE("config service: tokens", "[config_service]") {
  Fixture f;
  f.answers(R"({"token":"t1.the-text"})");
  const auto issued = f.service.issue_token({}, kTeam);
  REQUIRE(issued);
  CHECK(issued->id == "t1");
  CHECK(issued->token.reveal() == "t1.the-text");
  CHECK(f.asked() == "POST /api/v1/admin/orgs/acme/teams/checkout/tokens");
  CHECK(f.last().body.empty());
  f.answers("{}");
  CHECK(f.service.revoke_token({}, kTeam, "t1"));
  CHECK(f.asked() == "POST /api/v1/admin/orgs/acme/teams/checkout/tokens/t1/revoke");
}

TEST_CASE("config service: the tokens that are neither revoked nor expired", "[config_service]") {
  Fixture f;  // at 2026-01-01T00:00:00Z
  f.answers(R"([
    {"token_id":"live","issued_at":"2025-12-31T23:00:00","issued_by":"operator","expires_at":null,"revoked_at":null},
    {"token_id":"zoned","issued_at":"2026-01-01T00:00:00+01:00","issued_by":null},
    {"token_id":"to come","issued_at":"2025-12-31T23:00:00Z","expires_at":"2026-01-01T00:00:01"},
    {"token_id":"expired","issued_at":"2025-12-31T23:00:00Z","expires_at":"2026-01-01T00:00:00"},
    {"token_id":"revoked","issued_at":"2025-12-31T23:00:00Z","revoked_at":"2025-12-31T23:30:00"}])");
  const auto tokens = f.service.live_tokens({}, kTeam);
  REQUIRE(tokens);
  CHECK(f.asked() == "GET /api/v1/admin/orgs/acme/teams/checkout/tokens");
  Strings ids;
  for (const LiveToken& token : *tokens) {
    ids.push_back(token.id);
    CHECK(token.issued_at == f.clock.wall_now() - std::chrono::hours{1});
  }
  CHECK(ids == Strings{"live", "zoned", "to come"});
  CHECK(tokens->front().issued_by == "operator");
  CHECK(tokens->back().issued_by.empty());
  f.answers("[]");
  CHECK(f.service.live_tokens({}, kTeam)->empty());
}

TEST_CASE("config service: an answer of another form is DataLoss", "[config_service]") {
  struct Case {
    std::size_t call;
    const char* body;
  };
  const std::vector<Case> cases{
      {0, "[]"},
      {0, ""},
      {3, R"([])"},
      {3, R"({"config":null})"},
      {3, R"({"config":[]})"},
      {3, "<html>"},
      {4, R"({})"},
      {6, R"({"tokens":[]})"},
      {6, R"([{"token_id":"a"}])"},
      {6, R"([{"token_id":"a","issued_at":"yesterday"}])"},
      {6, R"([{"token_id":"a","issued_at":7}])"},
      {6, R"([{"issued_at":"2026-01-01T00:00:00"}])"},
      {6, R"([{"token_id":7,"issued_at":"2026-01-01T00:00:00"}])"},
      {6, R"(["a"])"},
      {7, R"({})"},
      {7, R"([])"},
      {7, R"({"token":7})"},
      {7, R"({"token":"no-dot-planted-secret"})"},
      {7, R"({"token":".planted-secret"})"},
      {7, R"({"token":"planted-secret)"},
      {9, R"({"nodes":[]})"},
      {9, R"([{"node_type":"team"}])"},
      {9, R"(["a"])"},
  };
  for (const Case& c : cases) {
    Fixture f;
    f.answers(c.body);
    const Status answer = kCalls.at(c.call).make(f.service, kTeam);
    INFO(kCalls.at(c.call).name << " of " << c.body);
    REQUIRE_FALSE(answer);
    CHECK(answer.error().code == ErrorCode::DataLoss);
    CHECK(answer.error().message.find("planted-secret") == std::string::npos);
  }
}

TEST_CASE("config service: ids are escaped, and what is no segment of a path is not sent",
          "[config_service]") {
  Fixture f;
  f.answers("{}");
  CHECK(f.service.has_node({}, "a/b", "../x?y#z"));
  CHECK(f.last().target == "/api/v1/admin/orgs/a%2Fb/nodes/..%2Fx%3Fy%23z");
  f.answers("{}");
  CHECK(f.service.revoke_token({}, {"o", "t t"}, "i/d"));
  CHECK(f.last().target == "/api/v1/admin/orgs/o/teams/t%20t/tokens/i%2Fd/revoke");
  f.answers(R"({"effective_config":{}})");
  CHECK(f.service.effective_config({}, {"o/", "t%"}));
  CHECK(f.last().target == "/api/v1/config/orgs/o%2F/nodes/t%25/effective");

  const std::size_t sent = f.calls();
  for (const Call& call : kCalls) {
    if (call.name == std::string{"principal"}) continue;
    INFO(call.name);
    CHECK(call.make(f.service, {"..", "t"}).error().code == ErrorCode::InvalidArgument);
    // There it is in the body, or not at all.
    if (call.name == std::string{"create_node"} || call.name == std::string{"team_nodes"}) continue;
    CHECK(call.make(f.service, {"o", ""}).error().code == ErrorCode::InvalidArgument);
  }
  CHECK(f.service.revoke_token({}, kTeam, ".").error().code == ErrorCode::InvalidArgument);
  CHECK(f.calls() == sent);
}

TEST_CASE("config service: what each answer means to each call, without a secret in it", "[config_service]") {
  struct Case {
    int status;
    ErrorCode code;
  };
  for (const Call& call : kCalls) {
    for (const Case& c : {Case{400, ErrorCode::InvalidArgument}, Case{401, ErrorCode::PermissionDenied},
                          Case{403, ErrorCode::PermissionDenied}, Case{404, ErrorCode::NotFound},
                          Case{409, ErrorCode::Conflict}, Case{422, ErrorCode::InvalidArgument},
                          Case{429, ErrorCode::ResourceExhausted}, Case{500, ErrorCode::Unavailable},
                          Case{503, ErrorCode::Unavailable}}) {
      if (call.name == std::string{"has_node"} && c.status == 404) continue;  // an answer
      Fixture f;
      f.answers(R"({"token":"t1.planted-secret","detail":"planted-secret"})", c.status,
                {{"Retry-After", "7"}, {"X-Token", "planted-secret"}});
      INFO(call.name << " " << c.status);
      const Status answer = call.make(f.service, kTeam);
      REQUIRE_FALSE(answer);
      CHECK(answer.error().code == c.code);
      CHECK(answer.error().message.starts_with("config service: "));
      CHECK(answer.error().message.find("secret") == std::string::npos);
      CHECK(f.principal.refusals == (c.status == 401 ? 1 : 0));
      const bool told = c.status == 429 || c.status >= 500;
      if (told) CHECK(answer.error().retry_after == seconds{7});
    }
  }
}

TEST_CASE("config service: no answer, and no principal", "[config_service]") {
  for (const auto& [end, code] :
       {std::pair{End::Refuse, ErrorCode::Unavailable}, std::pair{End::Cut, ErrorCode::Unavailable},
        std::pair{End::Silence, ErrorCode::DeadlineExceeded}}) {
    Fixture f;
    f.http.add({}, {200, {R"({"token":"t1.planted-)"}, end, {}});
    const auto answer = f.service.issue_token({}, kTeam);
    REQUIRE_FALSE(answer);
    CHECK(answer.error().code == code);
    CHECK(answer.error().message.find("planted") == std::string::npos);
  }
  Fixture f;
  f.principal.failing = true;
  const auto answer = f.service.config({}, kTeam);
  CHECK(answer.error().message == "config service: the operator's principal: no file");
  CHECK(f.calls() == 0);
}

TEST_CASE("config service: after five failures in a row it is not asked for a while", "[config_service]") {
  Fixture f;
  const auto fail = [&] {
    f.answers("", 503);
    return f.service.config({}, kTeam);
  };
  for (int i = 0; i < 4; ++i) CHECK_FALSE(fail());
  f.answers("", 404);  // that is an answer: the count starts anew
  CHECK_FALSE(f.service.config({}, kTeam));
  for (int i = 0; i < 5; ++i) CHECK_FALSE(fail());
  const std::size_t sent = f.calls();
  for (const Call& call : kCalls) {
    INFO(call.name);
    const Status refused = call.make(f.service, kTeam);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == ErrorCode::Unavailable);
    CHECK(refused.error().retry_after == seconds{2});
  }
  CHECK(f.calls() == sent);

  f.clock.advance(seconds{2});
  CHECK_FALSE(fail());  // one probe
  CHECK(f.calls() == sent + 1);
  CHECK(f.service.config({}, kTeam).error().retry_after == seconds{4});
  f.clock.advance(seconds{4});
  f.answers(R"({"config":{}})");
  CHECK(f.service.config({}, kTeam));
  CHECK_FALSE(fail());  // closed again: one failure keeps nobody out
  f.answers(R"({"config":{}})");
  CHECK(f.service.config({}, kTeam));
}

TEST_CASE("config service: refusals and full queues do not count as its failures", "[config_service]") {
  for (const int status : {400, 401, 403, 404, 409, 429}) {
    Fixture f;
    for (int i = 0; i < 8; ++i) {
      f.answers("", status);
      CHECK_FALSE(f.service.config({}, kTeam));
    }
    INFO(status);
    CHECK(f.calls() == 8);
  }
}

TEST_CASE("config service: which tokens are ours", "[config_service]") {
  const std::vector<std::pair<const char*, const char*>> cases{
      {R"({"auth_kind":"oidc","subject":"op-1","email":"op@acme"})", "op-1"},
      {R"({"auth_kind":"oidc","subject":null,"email":"op@acme"})", "op@acme"},
      {R"({"auth_kind":"oidc","email":"op@acme"})", "op@acme"},
      {R"({"auth_kind":"admin_token","subject":"admin"})", ""},
      {R"({"auth_kind":"admin_token","email":"who@ever"})", ""},
      {R"({})", ""},
  };
  for (const auto& [body, name] : cases) {
    Fixture f;
    f.answers(body);
    INFO(body);
    CHECK(*f.service.principal({}) == name);
    CHECK(f.asked() == "GET /api/v1/auth/me");
  }
}

TEST_CASE("config service: who we are", "[config_service]") {
  Fixture f;
  f.answers(R"({"role":"admin","auth_kind":"oidc","subject":"op-1","permissions":["admin:*",7]})");
  const auto who = f.service.identity({});
  REQUIRE(who);
  CHECK(who->name == "op-1");
  CHECK(who->role == "admin");
  CHECK_FALSE(who->is_shared);
  CHECK(who->permissions == std::vector<std::string>{"admin:*"});
  f.answers(R"({"auth_kind":"admin_token","permissions":null})");
  CHECK(f.service.identity({})->is_shared);
  f.answers("", 401);
  CHECK(f.service.identity({}).error().code == ErrorCode::PermissionDenied);
}

TEST_CASE("config service: the principal is remembered for ten minutes, a failure is not",
          "[config_service]") {
  Fixture f;
  f.answers("", 500);
  CHECK_FALSE(f.service.principal({}));
  f.answers(R"({"subject":"one"})");
  CHECK(*f.service.principal({}) == "one");
  f.clock.advance(minutes{10} - seconds{1});
  CHECK(*f.service.principal({}) == "one");
  CHECK(f.calls() == 2);
  f.clock.advance(seconds{1});
  f.answers(R"({"subject":"two"})");
  CHECK(*f.service.principal({}) == "two");
}

}  // namespace
}  // namespace tp::provisioner
