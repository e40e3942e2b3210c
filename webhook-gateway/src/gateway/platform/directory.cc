#include "gateway/platform/directory.h"

#include <chrono>

#include "crypto/encoding.h"
#include "crypto/sha256.h"

namespace tp::gateway {
namespace {

constexpr std::chrono::seconds kRoute{30};
constexpr std::chrono::seconds kNoRoute{5};
constexpr std::chrono::seconds kContext{15};
constexpr std::chrono::seconds kPrincipal{15};
// A token must outlast the start of the run that it is sent with.
constexpr std::chrono::seconds kBeforeExpiry{60};

}  // namespace

Directory::Directory(const ConfigService& service, const Clock& clock)
    : service_(service),
      clock_(clock),
      routes_(clock),
      tokens_(clock),
      contexts_(clock),
      principals_(clock) {}

Result<std::optional<TeamRef>> Directory::route(const Context& ctx,
                                                const std::vector<Identifier>& identifiers,
                                                const std::string& org_id) {
  using Loaded = decltype(routes_)::Loaded;
  TP_ASSIGN_OR_RETURN(auto got, routes_.get(ctx, {org_id, identifiers}, [&]() -> Result<Loaded> {
    TP_ASSIGN_OR_RETURN(auto team, service_.lookup(ctx, identifiers, org_id));
    const auto keep_for = team ? kRoute : kNoRoute;
    return Loaded{std::move(team), keep_for};
  }));
  return std::move(got.value);
}

Result<TeamToken> Directory::token(const Context& ctx, const TeamRef& team) {
  using Loaded = decltype(tokens_)::Loaded;
  TP_ASSIGN_OR_RETURN(const auto got, tokens_.get(ctx, team, [&]() -> Result<Loaded> {
    TP_ASSIGN_OR_RETURN(ImpersonationToken token, service_.impersonation_token(ctx, team));
    const auto left = token.expires_at - clock_.wall_now() - kBeforeExpiry;
    return Loaded{std::make_shared<const ImpersonationToken>(std::move(token)),
                  std::chrono::floor<std::chrono::milliseconds>(left)};
  }));
  return TeamToken{got.value->token, got.fresh};
}

void Directory::forget_token(const TeamRef& team) { tokens_.forget(team); }

Result<std::shared_ptr<const TeamContext>> Directory::context(const Context& ctx, const TeamRef& team) {
  using Loaded = decltype(contexts_)::Loaded;
  TP_ASSIGN_OR_RETURN(auto got, contexts_.get(ctx, team, [&]() -> Result<Loaded> {
    TP_ASSIGN_OR_RETURN(auto context, read_context(ctx, team));
    return Loaded{std::move(context), kContext};
  }));
  return std::move(got.value);
}

Result<std::shared_ptr<const TeamContext>> Directory::read_context(const Context& ctx, const TeamRef& team) {
  for (;;) {
    TP_ASSIGN_OR_RETURN(const TeamToken token, Directory::token(ctx, team));
    const auto config = service_.effective_config(ctx, token.token);
    if (config) return std::make_shared<const TeamContext>(team_context(*config));
    if (config.error().code != ErrorCode::Unauthenticated) return config.error();
    forget_token(team);
    if (token.fresh) return config.error();
  }
}

Result<std::shared_ptr<const Principal>> Directory::principal(const Context& ctx,
                                                              const crypto::Secret& bearer) {
  using Loaded = decltype(principals_)::Loaded;
  const std::string key = crypto::to_hex(crypto::sha256(bearer.reveal()));
  TP_ASSIGN_OR_RETURN(auto got, principals_.get(ctx, key, [&]() -> Result<Loaded> {
    TP_ASSIGN_OR_RETURN(Principal principal, service_.auth_me(ctx, bearer));
    return Loaded{std::make_shared<const Principal>(std::move(principal)), kPrincipal};
  }));
  return std::move(got.value);
}

}  // namespace tp::gateway
