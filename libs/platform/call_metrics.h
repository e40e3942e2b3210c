#pragma once

#include <string>
#include <string_view>

#include "metrics/metrics.h"
#include "platform/remote.h"

namespace tp::platform {

// An observer that counts the calls to one service:
//   PREFIX_service_requests_total{service,outcome}     outcome "ok", or the name of an ErrorCode
//   PREFIX_service_request_duration_seconds{service}
// `prefix` is the program's. The registry must outlive the observer.
[[nodiscard]] CallObserver count_calls(metrics::Registry& registry,
                                       std::string_view prefix,
                                       std::string_view service);

}  // namespace tp::platform
