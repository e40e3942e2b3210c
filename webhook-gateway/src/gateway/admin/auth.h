#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/context.h"
#include "base/result.h"
#include "crypto/secret.h"
#include "gateway/platform/config_service.h"
#include "gateway/platform/single_flight_cache.h"
#include "http/types.h"

namespace tp::gateway {

// Who may do what in the admin API. The Config Service knows the principals; one is remembered for a moment,
// so a permission that was taken away may hold for that long. Thread-safe.
class AdminAuth {
 public:
  // ConfigService::auth_me, as a rule.
  using Ask = std::function<Result<Principal>(const Context&, const crypto::Secret&)>;
  struct Settings {
    std::chrono::milliseconds cache{15'000};  // ORCHESTRATOR_ADMIN_AUTH_CACHE_TTL_SECONDS
    bool require_star = true;  // ORCHESTRATOR_REQUIRE_ADMIN_STAR: who has no admin:* may do nothing at all
  };

  // `clock` must outlive it.
  AdminAuth(Ask ask, Settings settings, const Clock& clock);

  // The principal of a request's token, if it may do what `permission` names. The token is that of
  // `Authorization: Bearer`, else of `X-Admin-Token`. Errors carry the answer's detail: Unauthenticated
  // (401), PermissionDenied (403), Unavailable for everything else (502).
  [[nodiscard]] Result<Principal> admit(const Context& ctx,
                                        const http::Headers& headers,
                                        std::string_view permission);

 private:
  const Ask ask_;
  const Settings settings_;
  SingleFlightCache<std::string, Principal> known_;  // by the SHA-256 of the token
};

}  // namespace tp::gateway
