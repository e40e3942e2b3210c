#include "gateway/platform/config_service.h"

#include <utility>

#include "base/time.h"

namespace tp::gateway {
namespace {

using nlohmann::json;
using platform::json_request;
using platform::parse_service_time;
using platform::path_segment;

constexpr std::chrono::seconds kTimeout{10};
// Of the audit: the most that the service gives at once, and where a search is given up rather than believed.
constexpr int kPageRows = 500;
constexpr int kMaxPages = 20;

// The member's text; empty when it is absent, null or anything else.
std::string text(const json& object, const char* key) {
  const auto it = object.find(key);
  return it != object.end() && it->is_string() ? it->get<std::string>() : std::string{};
}

bool flag(const json& object, const char* key) {
  const auto it = object.find(key);
  return it != object.end() && it->is_boolean() && it->get<bool>();
}

// A list, or one text that stands for a list of one.
std::vector<std::string> texts(const json& object, const char* key) {
  std::vector<std::string> out;
  const auto it = object.find(key);
  if (it == object.end()) return out;
  if (it->is_string()) out.push_back(it->get<std::string>());
  if (it->is_array()) {
    for (const json& element : *it) {
      if (element.is_string()) out.push_back(element.get<std::string>());
    }
  }
  return out;
}

std::string bearer(const crypto::Secret& token) { return "Bearer " + std::string{token.reveal()}; }

Error malformed(std::string_view what) {
  return {ErrorCode::DataLoss, "config service: " + std::string{what}};
}

Result<std::string> org_path(const std::string& org_id) {
  TP_ASSIGN_OR_RETURN(const std::string org, path_segment(org_id));
  return "/api/v1/admin/orgs/" + org;
}

}  // namespace

ConfigService::ConfigService(http::HttpClient& client,
                             http::TokenSource& admin,
                             const Clock& clock,
                             platform::CallObserver observer)
    : remote_("config service", client, clock, kTimeout, std::move(observer)), admin_(admin) {}

Result<json> ConfigService::internal(const Context& ctx, http::Request request) const {
  request.headers.set("X-Internal-Service", "orchestrator");
  return remote_.call(ctx, request);
}

Result<json> ConfigService::as_admin(const Context& ctx, http::Request request) const {
  // Not Unauthenticated when it is refused: a caller that hears that would doubt the team's token.
  return remote_.call_as(ctx, std::move(request), admin_, "the platform's own token");
}

Result<std::optional<TeamRef>> ConfigService::lookup(const Context& ctx,
                                                     const std::vector<Identifier>& identifiers,
                                                     const std::string& org_id) const {
  json body{{"identifiers", json::object()}};
  for (const auto& [type, value] : identifiers) body["identifiers"][type] = value;
  if (!org_id.empty()) body["org_id"] = org_id;
  TP_ASSIGN_OR_RETURN(
      const json answer,
      internal(ctx, json_request(http::Method::Post, "/api/v1/internal/routing/lookup", body)));
  if (!answer.is_object() || !answer.contains("found")) return malformed("the lookup's answer says nothing");
  if (!flag(answer, "found")) return std::optional<TeamRef>{};
  TeamRef team{text(answer, "org_id"), text(answer, "team_node_id")};
  if (team.org_id.empty() || team.team_node_id.empty())
    return malformed("the lookup found a team without id");
  return std::optional{std::move(team)};
}

Result<ImpersonationToken> ConfigService::impersonation_token(const Context& ctx, const TeamRef& team) const {
  TP_ASSIGN_OR_RETURN(const std::string org, org_path(team.org_id));
  TP_ASSIGN_OR_RETURN(const std::string node, path_segment(team.team_node_id));
  TP_ASSIGN_OR_RETURN(
      const json answer,
      as_admin(ctx, {http::Method::Post, org + "/teams/" + node + "/impersonation-token", {}, ""}));
  const auto expires_at = parse_service_time(text(answer, "expires_at"));
  crypto::Secret token{text(answer, "token")};
  if (token.empty() || !expires_at) return malformed("an impersonation token without text or end");
  return ImpersonationToken{std::move(token), *expires_at};
}

Result<json> ConfigService::effective_config(const Context& ctx, const crypto::Secret& token) const {
  const http::Request request{http::Method::Get, "/api/v1/config/me", {{"Authorization", bearer(token)}}, ""};
  TP_ASSIGN_OR_RETURN(json answer, remote_.call(ctx, request));
  if (!answer.is_object() || !answer["effective_config"].is_object()) {
    return malformed("no effective configuration in the answer");
  }
  return std::move(answer["effective_config"]);
}

Result<bool> ConfigService::audit_has_run(const Context& ctx,
                                          const TeamRef& team,
                                          std::string_view correlation_id,
                                          WallTime since) const {
  TP_ASSIGN_OR_RETURN(const std::string org, org_path(team.org_id));
  const std::string query =
      org + "/unified-audit?sources=agent&team_node_id=" + http::escape(team.team_node_id) +
      "&since=" + http::escape(to_rfc3339(since)) + "&limit=" + std::to_string(kPageRows);
  for (int page = 0; page < kMaxPages; ++page) {
    TP_ASSIGN_OR_RETURN(
        const json answer,
        as_admin(ctx, {http::Method::Get, query + "&offset=" + std::to_string(page * kPageRows), {}, ""}));
    const auto events = answer.find("events");
    if (events == answer.end() || !events->is_array()) return malformed("no events in the audit's answer");
    for (const json& event : *events) {
      if (event.is_object() && text(event, "correlation_id") == correlation_id) return true;
    }
    if (!flag(answer, "has_more")) return false;
  }
  return Error{ErrorCode::Unavailable, "config service: the audit has too many runs to search"};
}

Status ConfigService::feedback(const Context& ctx, const Feedback& feedback) const {
  const json body{{"run_id", feedback.run_id},
                  {"correlation_id", feedback.correlation_id},
                  {"feedback", feedback.positive ? "positive" : "negative"},
                  {"user_id", feedback.user_id},
                  {"source", "slack"}};
  TP_TRY(internal(ctx, json_request(http::Method::Post, "/api/v1/internal/feedback", body)));
  return ok();
}

Result<json> ConfigService::tool_calls(const Context& ctx, const std::string& run_id) const {
  TP_ASSIGN_OR_RETURN(const std::string run, path_segment(run_id));
  TP_ASSIGN_OR_RETURN(
      json answer,
      internal(ctx, {http::Method::Get, "/api/v1/internal/agent-runs/" + run + "/tool-calls", {}, ""}));
  if (!answer.is_object() || !answer["tool_calls"].is_array())
    return malformed("no tool calls in the answer");
  return std::move(answer["tool_calls"]);
}

Result<Principal> ConfigService::auth_me(const Context& ctx, const crypto::Secret& bearer_token) const {
  const http::Request request{
      http::Method::Get, "/api/v1/auth/me", {{"Authorization", bearer(bearer_token)}}, ""};
  TP_ASSIGN_OR_RETURN(const json answer, remote_.call(ctx, request));
  if (!answer.is_object() || text(answer, "role").empty()) return malformed("a principal without role");
  return Principal{text(answer, "role"),         text(answer, "auth_kind"),   text(answer, "org_id"),
                   text(answer, "team_node_id"), text(answer, "subject"),     text(answer, "email"),
                   flag(answer, "can_write"),    texts(answer, "permissions")};
}

Status ConfigService::record_run(const Context& ctx, const RunRecord& run) const {
  const json body{{"run_id", run.run_id},
                  {"org_id", run.team.org_id},
                  {"team_node_id", run.team.team_node_id},
                  {"correlation_id", run.correlation_id},
                  {"agent_name", run.agent_name},
                  {"trigger_source", run.trigger_source},
                  {"trigger_message", run.trigger_message}};
  TP_TRY(internal(ctx, json_request(http::Method::Post, "/api/v1/internal/agent-runs", body)));
  return ok();
}

Status ConfigService::end_run(const Context& ctx, const std::string& run_id, const RunEnd& end) const {
  TP_ASSIGN_OR_RETURN(const std::string run, path_segment(run_id));
  // Whole: what a PATCH omits, the service sets to null. The duration is required, and not used.
  const auto text_or_null = [](const std::string& text) { return text.empty() ? json{} : json(text); };
  // The service takes nothing but an object as output.
  const bool as_it_is = end.output.is_object() || end.output.is_null();
  const json body{{"status", end.success ? "completed" : "failed"},
                  {"duration_seconds", std::chrono::duration<double>{end.duration}.count()},
                  {"output_summary", text_or_null(end.summary)},
                  {"output_json", as_it_is ? end.output : json{{"output", end.output}}},
                  {"error_message", text_or_null(end.error)}};
  TP_TRY(internal(ctx, json_request(http::Method::Patch, "/api/v1/internal/agent-runs/" + run, body)));
  return ok();
}

}  // namespace tp::gateway
