#pragma once

#include <string>

#include "http_beast/server.h"
#include "metrics/metrics.h"

namespace tp::gateway {

// Counts what a listener refuses by itself, by status: nothing else tells of a request that no route has
// seen. The registry must outlive the server.
[[nodiscard]] http::Server::OnRefusal count_refusals(metrics::Registry& registry,
                                                     const std::string& listener);

}  // namespace tp::gateway
