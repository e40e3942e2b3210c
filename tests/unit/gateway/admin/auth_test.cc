#include "gateway/admin/auth.h"

#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "support/catch.h"
#include "support/fake_clock.h"

namespace tp::gateway::test {
namespace {

using namespace std::chrono_literals;
using tp::test::FakeClock;

struct Fixture {
  AdminAuth auth(bool require_star = true) {
    return {[this](const Context&, const crypto::Secret& token) -> Result<Principal> {
              asked.emplace_back(token.reveal());
              if (failure) return *failure;
              return principal;
            },
            {.cache = 15s, .require_star = require_star},
            clock};
  }

  // As the frame does it.
  static Result<Principal> admit(AdminAuth& auth, const http::Headers& headers, Access access = kAny) {
    TP_ASSIGN_OR_RETURN(Principal principal, auth.identify({}, headers, access));
    TP_TRY(auth.permit(principal, access));
    return principal;
  }

  static constexpr Permission kAny = Permission::EventsRead;
  FakeClock clock;
  Principal principal{.role = "admin", .auth_kind = "admin_token", .permissions = {"admin:*"}};
  std::optional<Error> failure;
  std::vector<std::string> asked;
};

std::string verdict(const Result<Principal>& result) {
  return result ? "admitted" : std::string{to_string(result.error().code)} + ": " + result.error().message;
}
const std::string kMissing = std::string{to_string(ErrorCode::Unauthenticated)} + ": Missing admin token";

TEST_CASE("the token is the bearer's, else that of X-Admin-Token") {
  Fixture f;
  AdminAuth auth = f.auth();
  const auto token = [&](const http::Headers& headers) {
    f.asked.clear();
    const std::string said = verdict(f.admit(auth, headers));
    return f.asked.empty() ? said : f.asked.at(0);
  };
  CHECK(token({{"Authorization", "Bearer one"}}) == "one");
  CHECK(token({{"authorization", "bEaReR   two "}}) == "two");
  CHECK(token({{"X-Admin-Token", "three"}}) == "three");
  CHECK(token({{"X-Admin-Token", "no"}, {"Authorization", "Bearer four"}}) == "four");
  CHECK(token({{"Authorization", "Basic no"}, {"x-admin-token", "five"}}) == "five");
  CHECK(token({}) == kMissing);
  CHECK(token({{"Authorization", "Bearer"}}) == kMissing);
  CHECK(token({{"Authorization", "Bearer   "}}) == kMissing);
  CHECK(token({{"X-Admin-Token", " "}}) == kMissing);
}

TEST_CASE("who may do what") {
  Fixture f;
  const auto may = [&](bool star, std::string role, std::vector<std::string> permissions) {
    f.principal.role = std::move(role);
    f.principal.permissions = std::move(permissions);
    AdminAuth auth = f.auth(star);
    return verdict(f.admit(auth, {{"X-Admin-Token", "t"}}, Permission::Controls));
  };
  const std::string denied = std::string{to_string(ErrorCode::PermissionDenied)} + ": ";
  CHECK(may(true, "admin", {"admin:*"}) == "admitted");
  CHECK(may(true, "admin", {"admin:controls"}) == denied + "Insufficient permissions");
  CHECK(may(true, "team", {"admin:*"}) == denied + "Insufficient permissions");
  CHECK(may(false, "admin", {"admin:*"}) == "admitted");
  CHECK(may(false, "admin", {"admin:controls"}) == "admitted");
  CHECK(may(false, "admin", {"admin:events:read"}) == denied + "insufficient_permissions");
  CHECK(may(false, "admin", {}) == denied + "insufficient_permissions");
  CHECK(may(false, "team", {"admin:controls"}) == denied + "Insufficient permissions");
}

TEST_CASE("the names of permissions are settings, and a blank one asks for nothing") {
  Fixture f;
  f.principal.permissions = {"ours:run"};
  AdminAuth auth{[&f](const Context&, const crypto::Secret&) -> Result<Principal> { return f.principal; },
                 {.require_star = false,
                  .required = {{Permission::AgentRun, "ours:run"}, {Permission::ProvisionRead, " "}}},
                 f.clock};
  const auto may = [&](Permission permission) {
    return verdict(f.admit(auth, {{"X-Admin-Token", "t"}}, permission));
  };
  const std::string denied = std::string{to_string(ErrorCode::PermissionDenied)} + ": ";
  CHECK(may(Permission::AgentRun) == "admitted");
  CHECK(may(Permission::ProvisionRead) == "admitted");
  CHECK(may(Permission::ProvisionTeam) == denied + "insufficient_permissions");
  f.principal.role = "team";
  f.clock.advance(1h);
  CHECK(may(Permission::AgentRun) == denied + "Admin role required");
  CHECK(may(Permission::ProvisionRead) == denied + "Admin role required");
  CHECK(may(Permission::DeprovisionTeam) == denied + "Insufficient permissions");
}

TEST_CASE("every permission has its row") {
  for (std::size_t i = 0; i < kPermissions.size(); ++i)
    CHECK(static_cast<std::size_t>(kPermissions.at(i).permission) == i);
}

TEST_CASE("a team's own token must be a team's and able to write") {
  Fixture f;
  f.principal = {
      .role = "team", .auth_kind = "team_token", .org_id = "o", .team_node_id = "t", .can_write = true};
  AdminAuth auth = f.auth();
  const auto says = [&](const http::Headers& headers) {
    f.clock.advance(1h);
    return verdict(f.admit(auth, headers, {}));
  };
  const http::Headers own{{"X-IncidentFox-Team-Token", "t"}};
  CHECK(says(own) == "admitted");
  CHECK(says({{"Authorization", "Bearer t"}}) == "admitted");
  CHECK(says({{"X-Admin-Token", "t"}}) ==
        std::string{to_string(ErrorCode::Unauthenticated)} + ": Missing team token");
  f.principal.can_write = false;
  CHECK(says(own) == std::string{to_string(ErrorCode::PermissionDenied)} + ": Insufficient permissions");
  f.principal.team_node_id.clear();
  CHECK(says(own) ==
        std::string{to_string(ErrorCode::InvalidArgument)} + ": Cannot determine org_id/team_node_id");
  f.failure = Error{ErrorCode::Unauthenticated, "no"};
  CHECK(says(own) == std::string{to_string(ErrorCode::Unauthenticated)} + ": Invalid team token");
}

TEST_CASE("a token that nobody has is a 401, and a Config Service that is away says nothing of itself") {
  Fixture f;
  AdminAuth auth = f.auth();
  f.failure = Error{ErrorCode::Unauthenticated, "GET /api/v1/auth/me: 401"};
  CHECK(verdict(f.admit(auth, {{"X-Admin-Token", "t"}})) ==
        std::string{to_string(ErrorCode::Unauthenticated)} + ": Invalid admin token");
  for (const ErrorCode code : {ErrorCode::Unavailable, ErrorCode::DeadlineExceeded, ErrorCode::DataLoss,
                               ErrorCode::ResourceExhausted}) {
    f.failure = Error{code, "http://internal:8080 is away"};
    CHECK(verdict(f.admit(auth, {{"X-Admin-Token", "t"}})) ==
          std::string{to_string(ErrorCode::Unavailable)} + ": config_service_unavailable");
  }
}

TEST_CASE("a principal is remembered for a while, a failure is not") {
  Fixture f;
  AdminAuth auth = f.auth();
  const http::Headers headers{{"X-Admin-Token", "t"}};
  f.failure = Error{ErrorCode::Unavailable, "away"};
  CHECK_FALSE(f.admit(auth, headers));
  f.failure.reset();
  CHECK(f.admit(auth, headers));
  CHECK(f.admit(auth, headers));
  CHECK(f.asked.size() == 2);
  f.principal.permissions.clear();
  f.clock.advance(14s);
  CHECK(f.admit(auth, headers));
  f.clock.advance(2s);
  CHECK_FALSE(f.admit(auth, headers));
  CHECK(f.asked.size() == 3);
  CHECK_FALSE(f.admit(auth, {{"X-Admin-Token", "another"}}));
  CHECK(f.asked.size() == 4);
}

}  // namespace
}  // namespace tp::gateway::test
