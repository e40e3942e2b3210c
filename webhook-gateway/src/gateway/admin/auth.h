#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/context.h"
#include "base/result.h"
#include "crypto/secret.h"
#include "gateway/admin/permissions.h"
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
    // ORCHESTRATOR_REQUIRED_PERMISSION_*: names in place of those of kPermissions. Of a blank one nothing
    // more is asked than to be an administrator.
    std::map<Permission, std::string> required{};
  };

  // `clock` must outlive it.
  AdminAuth(Ask ask, Settings settings, const Clock& clock);

  // Whose token a request bears: that of `Authorization: Bearer`, else of `X-Admin-Token`, or of
  // `X-IncidentFox-Team-Token` where a team's is asked for. Errors carry the answer's detail: Unauthenticated
  // (401), Unavailable for everything else (502).
  [[nodiscard]] Result<Principal> identify(const Context& ctx, const http::Headers& headers, Access access);
  // Whether it may do that. PermissionDenied (403) with the answer's detail; InvalidArgument (400) for a
  // principal of no team where one is asked for.
  [[nodiscard]] Status permit(const Principal& principal, Access access) const;

 private:
  const Ask ask_;
  const Settings settings_;
  SingleFlightCache<std::string, Principal> known_;  // by the SHA-256 of the token
};

}  // namespace tp::gateway
