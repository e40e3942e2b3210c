#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/clock.h"
#include "base/context.h"
#include "base/result.h"
#include "crypto/secret.h"
#include "gateway/event/interpretation.h"
#include "gateway/platform/team.h"
#include "http/client.h"
#include "http/token_source.h"
#include "platform/remote.h"

namespace tp::gateway {

// Who a bearer token speaks for.
struct Principal {
  std::string role;       // "admin" or "team"
  std::string auth_kind;  // "admin_token", "team_token", "oidc", "impersonation", "visitor"
  std::string org_id{};   // empty: all orgs
  std::string team_node_id{};
  std::string subject{};
  std::string email{};
  bool can_write = false;
  std::vector<std::string> permissions{};
};

// Lets the gateway act as a team towards the agent.
struct ImpersonationToken {
  crypto::Secret token;
  WallTime expires_at;
};

// A run that is recorded by the gateway, because the agent never saw it or an administrator asked for it.
struct RunRecord {
  std::string run_id;  // at most 64 characters, as all ids here
  TeamRef team;
  std::string correlation_id;
  std::string agent_name;
  std::string trigger_source;
  std::string trigger_message;
};

struct RunEnd {
  bool success = false;
  std::chrono::milliseconds duration{0};
  std::string summary{};
  std::string error{};
  nlohmann::json output{};  // null: none
};

// The platform's Config Service: teams, routing, configuration, tokens, and the record of runs. Each call is
// one request (audit_has_run: as many as there are pages), at most 10 s long, never repeated here. Errors as
// those of Remote. Thread-safe.
//
// Many callers at once wedge the service for minutes. The cap is the client's: create one client for the
// process with ClientOptions::max_concurrent = kMaxConcurrent and share it.
class ConfigService {
 public:
  static constexpr std::size_t kMaxConcurrent = 16;
  // An effective configuration with the defaults is about 35 kB.
  static constexpr std::size_t kMaxAnswerBytes = std::size_t{4} << 20U;

  // `client`: for the service's base URL, with no token source of its own. `admin`: the platform's
  // administrator token, sent only where it is needed. All must outlive this object. `observer` hears of each
  // call.
  ConfigService(http::HttpClient& client,
                http::TokenSource& admin,
                const Clock& clock,
                platform::CallObserver observer = {});

  // The team that an identifier leads to; they are tried in the service's order, not in theirs. `org_id`
  // narrows the search, if it is not empty. Unavailable also when some team's routing is malformed: the
  // service then answers nobody.
  [[nodiscard]] Result<std::optional<TeamRef>> lookup(const Context& ctx,
                                                      const std::vector<Identifier>& identifiers,
                                                      const std::string& org_id) const;

  // A new one each time. Whether the team exists is not checked by the service.
  [[nodiscard]] Result<ImpersonationToken> impersonation_token(const Context& ctx, const TeamRef& team) const;

  // The team's merged configuration, as one who bears `token` sees it. Unauthenticated: the token is refused.
  [[nodiscard]] Result<nlohmann::json> effective_config(const Context& ctx,
                                                        const crypto::Secret& token) const;

  // Whether the agent recorded a run with that correlation id, begun at `since` or later.
  [[nodiscard]] Result<bool> audit_has_run(const Context& ctx,
                                           const TeamRef& team,
                                           std::string_view correlation_id,
                                           WallTime since) const;

  // Stores what a user thinks of a run.
  [[nodiscard]] Status feedback(const Context& ctx, const Feedback& feedback) const;

  // The service's list of the run's tool calls.
  [[nodiscard]] Result<nlohmann::json> tool_calls(const Context& ctx, const std::string& run_id) const;

  // Unauthenticated: nobody.
  [[nodiscard]] Result<Principal> auth_me(const Context& ctx, const crypto::Secret& bearer) const;

  // A run id can be recorded once: the service answers 500 (Unavailable) to a second time.
  [[nodiscard]] Status record_run(const Context& ctx, const RunRecord& run) const;
  [[nodiscard]] Status end_run(const Context& ctx, const std::string& run_id, const RunEnd& end) const;

 private:
  [[nodiscard]] Result<nlohmann::json> internal(const Context& ctx, http::Request request) const;
  [[nodiscard]] Result<nlohmann::json> as_admin(const Context& ctx, http::Request request) const;

  const platform::Remote remote_;
  http::TokenSource& admin_;
};

}  // namespace tp::gateway
