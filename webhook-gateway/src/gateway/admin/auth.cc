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

std::string_view token_of(const http::Headers& headers) {
  const std::string_view authorization = trimmed(headers.find("authorization").value_or(""));
  const std::size_t space = authorization.find(' ');
  if (space != std::string_view::npos && same_word(authorization.substr(0, space), "bearer"))
    return trimmed(authorization.substr(space));
  return trimmed(headers.find("x-admin-token").value_or(""));
}

bool has(const Principal& principal, std::string_view permission) {
  return std::find(principal.permissions.begin(), principal.permissions.end(), permission) !=
         principal.permissions.end();
}

}  // namespace

AdminAuth::AdminAuth(Ask ask, Settings settings, const Clock& clock)
    : ask_(std::move(ask)), settings_(settings), known_(clock, kPrincipals) {}

Result<Principal> AdminAuth::admit(const Context& ctx,
                                   const http::Headers& headers,
                                   std::string_view permission) {
  const std::string_view token = token_of(headers);
  if (token.empty()) return Error{ErrorCode::Unauthenticated, "Missing admin token"};
  using Known = decltype(known_);
  const auto got = known_.get(ctx, crypto::to_hex(crypto::sha256(token)), [&]() -> Result<Known::Loaded> {
    TP_ASSIGN_OR_RETURN(Principal principal, ask_(ctx, crypto::Secret{std::string{token}}));
    return Known::Loaded{std::move(principal), settings_.cache};
  });
  if (!got) {
    if (got.error().code == ErrorCode::Unauthenticated)
      return Error{ErrorCode::Unauthenticated, "Invalid admin token"};
    return Error{ErrorCode::Unavailable, "config_service_unavailable"};
  }
  const Principal& principal = got->value;
  const bool star = has(principal, "admin:*");
  if (principal.role != "admin" || (settings_.require_star && !star))
    return Error{ErrorCode::PermissionDenied, "Insufficient permissions"};
  if (!star && !has(principal, permission))
    return Error{ErrorCode::PermissionDenied, "insufficient_permissions"};
  return principal;
}

}  // namespace tp::gateway
