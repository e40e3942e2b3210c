#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/context.h"
#include "base/result.h"
#include "crypto/secret.h"
#include "gateway/event/interpretation.h"
#include "gateway/platform/config_service.h"
#include "gateway/platform/single_flight_cache.h"
#include "gateway/platform/team.h"
#include "gateway/platform/team_context.h"

namespace tp::gateway {

// A team's impersonation token.
struct TeamToken {
  crypto::Secret token;
  bool fresh = false;  // minted during this call: if it is refused, another one will be too
};

// The Config Service with a memory: what dispatch asks of it for every event. Answers are up to so old:
// routes 30 s (5 s when there is none), configurations and principals 15 s; tokens are kept until a minute
// before they expire. Errors are not kept. Thread-safe.
class Directory {
 public:
  // Both must outlive this object.
  Directory(const ConfigService& service, const Clock& clock);

  // See ConfigService::lookup.
  [[nodiscard]] Result<std::optional<TeamRef>> route(const Context& ctx,
                                                     const std::vector<Identifier>& identifiers,
                                                     const std::string& org_id = {});
  [[nodiscard]] Result<TeamToken> token(const Context& ctx, const TeamRef& team);
  // The agent refused the team's token.
  void forget_token(const TeamRef& team);
  // With a token of the team's, which is renewed once if it is refused. Never null.
  [[nodiscard]] Result<std::shared_ptr<const TeamContext>> context(const Context& ctx, const TeamRef& team);
  // See ConfigService::auth_me. Never null.
  [[nodiscard]] Result<std::shared_ptr<const Principal>> principal(const Context& ctx,
                                                                   const crypto::Secret& bearer);

 private:
  using RouteKey = std::pair<std::string, std::vector<Identifier>>;  // org, identifiers

  [[nodiscard]] Result<std::shared_ptr<const TeamContext>> read_context(const Context& ctx,
                                                                        const TeamRef& team);

  const ConfigService& service_;
  const Clock& clock_;
  SingleFlightCache<RouteKey, std::optional<TeamRef>> routes_;
  SingleFlightCache<TeamRef, std::shared_ptr<const ImpersonationToken>> tokens_;
  SingleFlightCache<TeamRef, std::shared_ptr<const TeamContext>> contexts_;
  // By the bearer's SHA-256, so that the memory holds no credentials.
  SingleFlightCache<std::string, std::shared_ptr<const Principal>> principals_;
};

}  // namespace tp::gateway
