#include "gateway/teams/team_token.h"

#include <string>

#include "crypto/encoding.h"

namespace tp::gateway {
namespace {

constexpr std::string_view kType = "incidentfox.io/team-token";
constexpr std::string_view kKey = "token";

bool controlled_by(json::View object, std::string_view uid) {
  bool found = false;
  object["metadata"]["ownerReferences"].each([&](json::View owner) {
    found = found || (owner["controller"].boolean().value_or(false) && owner["uid"].text() == uid);
  });
  return found;
}

}  // namespace

std::optional<crypto::Secret> token_in(json::View secret, const TeamResource& resource) {
  if (secret["type"].text() != kType || !controlled_by(secret, resource.meta.uid)) return std::nullopt;
  auto token = crypto::from_base64(secret["data"][kKey].text());
  if (!token || token->empty()) return std::nullopt;
  return crypto::Secret{*std::move(token)};
}

Result<std::optional<crypto::Secret>> read_team_token(const Context& ctx,
                                                      kube::ApiClient& api,
                                                      const TeamResource& resource) {
  using None = std::optional<crypto::Secret>;
  const std::string& name = domain::platform_of(resource.status).token_secret;
  const bool has_one = domain::platform_of(resource.spec).auth == domain::AuthMode::Token && !name.empty();
  if (!has_one) return None{};
  const auto text = api.get(ctx, kube::kSecrets, {resource.meta.key.ns, name});
  if (!text && text.error().code == ErrorCode::NotFound) return None{};
  if (!text) return text.error();
  json::Document document;
  TP_TRY(document.parse(*text));
  return token_in(document.root(), resource);
}

}  // namespace tp::gateway
