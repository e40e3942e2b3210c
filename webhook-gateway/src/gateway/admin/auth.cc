#include "gateway/admin/auth.h"

#include <algorithm>
#include <cctype>
#include <cstddef>
#include <utility>

#include "crypto/encoding.h"
#include "crypto/sha256.h"

namespace tp::gateway {
namespace {

constexpr std::size_t kPrincipals = 1000;

bool same_word(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](unsigned char x, unsigned char y) { return std::tolower(x) == std::tolower(y); });
}

std::string_view trimmed(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  return text;
}

// The token of `Authorization: Bearer`, else of the other header.
std::string_view token_of(const http::Headers& headers, std::string_view other) {
  const std::string_view authorization = trimmed(headers.find("authorization").value_or(""));
  const std::size_t space = authorization.find(' ');
  if (space != std::string_view::npos && same_word(authorization.substr(0, space), "bearer"))
    return trimmed(authorization.substr(space));
  return trimmed(headers.find(other).value_or(""));
}

bool has(const Principal& principal, std::string_view permission) {
  return std::find(principal.permissions.begin(), principal.permissions.end(), permission) !=
         principal.permissions.end();
}

}  // namespace

AdminAuth::AdminAuth(Ask ask, Settings settings, const Clock& clock)
    : ask_(std::move(ask)), settings_(std::move(settings)), known_(clock, kPrincipals) {}

Result<Principal> AdminAuth::identify(const Context& ctx, const http::Headers& headers, Access access) {
  const std::string kind = access ? "admin" : "team";
  const std::string_view token = token_of(headers, access ? "x-admin-token" : "x-incidentfox-team-token");
  if (token.empty()) return Error{ErrorCode::Unauthenticated, "Missing " + kind + " token"};
  using Known = decltype(known_);
  auto got = known_.get(ctx, crypto::to_hex(crypto::sha256(token)), [&]() -> Result<Known::Loaded> {
    TP_ASSIGN_OR_RETURN(Principal principal, ask_(ctx, crypto::Secret{std::string{token}}));
    return Known::Loaded{std::move(principal), settings_.cache};
  });
  if (got) return std::move(got->value);
  if (got.error().code == ErrorCode::Unauthenticated)
    return Error{ErrorCode::Unauthenticated, "Invalid " + kind + " token"};
  return Error{ErrorCode::Unavailable, "config_service_unavailable"};
}

Status AdminAuth::permit(const Principal& principal, Access access) const {
  const auto denied = [](std::string_view why) {
    return Error{ErrorCode::PermissionDenied, std::string{why}};
  };
  if (!access) {
    if (principal.org_id.empty() || principal.team_node_id.empty())
      return Error{ErrorCode::InvalidArgument, "Cannot determine org_id/team_node_id"};
    return principal.can_write ? ok() : denied("Insufficient permissions");
  }
  const PermissionRule& rule = rule_of(*access);
  const bool star = has(principal, "admin:*");
  if (principal.role != "admin" || (settings_.require_star && !star)) return denied(rule.not_admin);
  const auto other = settings_.required.find(*access);
  const std::string_view required =
      trimmed(other == settings_.required.end() ? rule.name : std::string_view{other->second});
  if (!star && !required.empty() && !has(principal, required)) return denied("insufficient_permissions");
  return ok();
}

}  // namespace tp::gateway
