#include "provisioner/platform/config_service.h"

#include <chrono>
#include <string_view>
#include <utility>

namespace tp::provisioner {
namespace {

using Json = nlohmann::json;
using platform::path_segment;

constexpr std::chrono::minutes kPrincipalFor{10};
constexpr const char* kBreaker = "config service";

Error malformed(std::string_view what) {
  return {ErrorCode::DataLoss, "config service: " + std::string{what}};
}

std::string text(const Json& object, const char* key) {
  const auto it = object.find(key);
  return it != object.end() && it->is_string() ? it->get<std::string>() : std::string{};
}

Result<std::string> org_path(const std::string& org, std::string_view below) {
  TP_ASSIGN_OR_RETURN(const std::string segment, path_segment(org));
  return "/api/v1/admin/orgs/" + segment + std::string{below};
}

Result<std::string> node_path(const TeamId& team, std::string_view below) {
  TP_ASSIGN_OR_RETURN(const std::string node, path_segment(team.team));
  return org_path(team.org, "/nodes/" + node + std::string{below});
}

Result<std::string> tokens_path(const TeamId& team, const std::string& below) {
  TP_ASSIGN_OR_RETURN(const std::string node, path_segment(team.team));
  return org_path(team.org, "/teams/" + node + "/tokens" + below);
}

// Whether it says that the service itself is in trouble.
bool is_failure(ErrorCode code) {
  return code == ErrorCode::Unavailable || code == ErrorCode::DeadlineExceeded || code == ErrorCode::DataLoss;
}

// Whether it was asked and has answered, which being stopped and having no token to ask with do not say.
bool is_verdict(ErrorCode code) {
  return !is_failure(code) && code != ErrorCode::Cancelled && code != ErrorCode::FailedPrecondition;
}

}  // namespace

ConfigService::ConfigService(http::HttpClient& client,
                             http::TokenSource& principal,
                             const Clock& clock,
                             platform::CallObserver observer)
    : remote_("config service", client, clock, kTimeout, std::move(observer)),
      tokens_(principal),
      clock_(clock) {}

bool ConfigService::breaker_open() const {
  const MutexLock lock{m_};
  return breaker_.open_count(clock_.now()) > 0;
}

Result<Json> ConfigService::ask(const Context& ctx, http::Request request) {
  {
    const MutexLock lock{m_};
    const SteadyTime now = clock_.now();
    if (!breaker_.allow(kBreaker, now)) {
      const auto pause = breaker_.next_chance(kBreaker, now) - now;
      return Error{ErrorCode::Unavailable, "config service: it has failed several times in a row; not asked",
                   std::chrono::ceil<std::chrono::milliseconds>(pause)};
    }
  }
  auto answer = remote_.call_as(ctx, std::move(request), tokens_, "the operator's principal");
  const MutexLock lock{m_};
  if (answer || is_verdict(answer.error().code)) {
    breaker_.succeeded(kBreaker);
  } else if (is_failure(answer.error().code)) {
    breaker_.failed(kBreaker, clock_.now());
  }
  return answer;
}

Result<Json> ConfigService::get(const Context& ctx, const Result<std::string>& path) {
  if (!path) return path.error();
  return ask(ctx, {http::Method::Get, *path, {}, ""});
}

Result<ConfigService::Identity> ConfigService::identity(const Context& ctx) {
  TP_ASSIGN_OR_RETURN(const Json me, ask(ctx, {http::Method::Get, "/api/v1/auth/me", {}, ""}));
  if (!me.is_object()) return malformed("a principal that is no object");
  Identity who{.name = text(me, text(me, "subject").empty() ? "email" : "subject"),
               .role = text(me, "role"),
               .is_shared = text(me, "auth_kind") == "admin_token"};
  for (const Json& permission : me.value("permissions", Json::array()))
    if (permission.is_string()) who.permissions.push_back(permission.get<std::string>());
  return who;
}

Result<std::string> ConfigService::principal(const Context& ctx) {
  {
    const MutexLock lock{m_};
    if (principal_ && clock_.now() < principal_until_) return *principal_;
  }
  TP_ASSIGN_OR_RETURN(Identity who, identity(ctx));
  std::string name = who.is_shared ? std::string{} : std::move(who.name);
  const MutexLock lock{m_};
  principal_ = name;
  principal_until_ = clock_.now() + kPrincipalFor;
  return name;
}

Result<std::vector<ConfigService::Node>> ConfigService::team_nodes(const Context& ctx,
                                                                   const std::string& org) {
  TP_ASSIGN_OR_RETURN(const Json list, get(ctx, org_path(org, "/nodes")));
  if (!list.is_array()) return malformed("the list of nodes is no list");
  std::vector<Node> nodes;
  for (const Json& row : list) {
    if (!row.is_object() || text(row, "node_id").empty()) return malformed("a node without id");
    if (text(row, "node_type") == "team")
      nodes.push_back({text(row, "node_id"), text(row, "parent_id"), text(row, "name")});
  }
  return nodes;
}

Result<bool> ConfigService::has_node(const Context& ctx, const std::string& org, const std::string& node) {
  const auto found = get(ctx, node_path({org, node}, ""));
  if (found) return true;
  if (found.error().code == ErrorCode::NotFound) return false;
  return found.error();
}

Status ConfigService::create_node(const Context& ctx,
                                  const TeamId& team,
                                  const std::string& parent,
                                  const std::string& name) {
  Json body{{"node_id", team.team}, {"node_type", "team"}};
  if (!parent.empty()) body["parent_id"] = parent;
  if (!name.empty()) body["name"] = name;
  TP_ASSIGN_OR_RETURN(std::string path, org_path(team.org, "/nodes"));
  TP_TRY(ask(ctx, platform::json_request(http::Method::Post, std::move(path), body)));
  return ok();
}

Result<Json> ConfigService::config(const Context& ctx, const TeamId& team) {
  TP_ASSIGN_OR_RETURN(Json answer, get(ctx, node_path(team, "/config")));
  if (!answer.is_object() || !answer["config"].is_object())
    return malformed("no configuration in the answer");
  return std::move(answer["config"]);
}

Result<Json> ConfigService::effective_config(const Context& ctx, const TeamId& team) {
  TP_ASSIGN_OR_RETURN(const std::string org, path_segment(team.org));
  TP_ASSIGN_OR_RETURN(const std::string node, path_segment(team.team));
  TP_ASSIGN_OR_RETURN(Json answer, get(ctx, "/api/v1/config/orgs/" + org + "/nodes/" + node + "/effective"));
  if (!answer.is_object() || !answer["effective_config"].is_object())
    return malformed("no effective configuration in the answer");
  return std::move(answer["effective_config"]);
}

Result<ConfigService::Put> ConfigService::put_config(const Context& ctx,
                                                     const TeamId& team,
                                                     const Json& patch) {
  TP_ASSIGN_OR_RETURN(std::string path, node_path(team, "/config"));
  TP_ASSIGN_OR_RETURN(const Json answer, ask(ctx, platform::json_request(http::Method::Put, std::move(path),
                                                                         {{"patch", patch}})));
  const bool pending = answer.is_object() && text(answer, "status") == "pending_approval";
  return pending ? Put::PendingApproval : Put::Accepted;
}

Result<std::vector<LiveToken>> ConfigService::live_tokens(const Context& ctx, const TeamId& team) {
  TP_ASSIGN_OR_RETURN(const Json list, get(ctx, tokens_path(team, "")));
  if (!list.is_array()) return malformed("the list of tokens is no list");
  std::vector<LiveToken> tokens;
  for (const Json& row : list) {
    const auto issued_at =
        row.is_object() ? platform::parse_service_time(text(row, "issued_at")) : std::nullopt;
    if (!issued_at || text(row, "token_id").empty()) return malformed("a token without id or time");
    const auto expires_at = platform::parse_service_time(text(row, "expires_at"));
    const bool revoked = row.contains("revoked_at") && !row["revoked_at"].is_null();
    if (revoked || (expires_at && *expires_at <= clock_.wall_now())) continue;
    tokens.push_back({text(row, "token_id"), *issued_at, text(row, "issued_by")});
  }
  return tokens;
}

Result<ConfigService::Issued> ConfigService::issue_token(const Context& ctx, const TeamId& team) {
  TP_ASSIGN_OR_RETURN(std::string path, tokens_path(team, ""));
  TP_ASSIGN_OR_RETURN(const Json answer, ask(ctx, {http::Method::Post, std::move(path), {}, ""}));
  std::string token = answer.is_object() ? text(answer, "token") : std::string{};
  const std::size_t dot = token.find('.');
  if (dot == std::string::npos || dot == 0) return malformed("a token without id in the answer");
  std::string id = token.substr(0, dot);
  return Issued{std::move(id), crypto::Secret{std::move(token)}};
}

Status ConfigService::revoke_token(const Context& ctx, const TeamId& team, const std::string& id) {
  TP_ASSIGN_OR_RETURN(const std::string segment, path_segment(id));
  TP_ASSIGN_OR_RETURN(std::string path, tokens_path(team, "/" + segment + "/revoke"));
  TP_TRY(ask(ctx, {http::Method::Post, std::move(path), {}, ""}));
  return ok();
}

}  // namespace tp::provisioner
