#pragma once

#include "base/clock.h"
#include "gateway/admin/frame.h"
#include "gateway/inbox/controls.h"
#include "postgres/pool.h"

namespace tp::gateway {

// The admin API's routes for controls: what people may turn. A principal with an org changes what is of this
// org, and sees the platform's own, too.
class ControlsApi {
 public:
  // Both must outlive it, and it its routes.
  ControlsApi(postgres::Pool& pool, const Clock& clock) : controls_(pool), clock_(clock) {}

  [[nodiscard]] AdminRoutes routes() const;

 private:
  [[nodiscard]] Result<http::Response> list(AdminCall& call) const;
  [[nodiscard]] Result<http::Response> put(AdminCall& call) const;

  const Controls controls_;
  const Clock& clock_;
};

}  // namespace tp::gateway
