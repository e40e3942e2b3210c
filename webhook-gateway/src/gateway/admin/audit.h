#pragma once

#include "gateway/admin/frame.h"
#include "postgres/pool.h"

namespace tp::gateway {

// The admin API's route to look up who did what. A principal with an org sees what is of this org. `pool`
// must outlive the routes.
[[nodiscard]] AdminRoutes audit_routes(postgres::Pool& pool);

}  // namespace tp::gateway
