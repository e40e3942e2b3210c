#pragma once

#include <nlohmann/json_fwd.hpp>

#include "gateway/admin/frame.h"
#include "http/server.h"

namespace tp::gateway {

// The OpenAPI 3.1 document of these routes.
[[nodiscard]] nlohmann::json openapi_document(const AdminRoutes& routes);

// GET /openapi.json: open to everybody, as it says nothing of anybody.
[[nodiscard]] http::Route openapi_route(const AdminRoutes& routes);

}  // namespace tp::gateway
