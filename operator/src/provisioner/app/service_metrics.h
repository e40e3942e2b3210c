#pragma once

#include <string_view>

#include "metrics/collected.h"
#include "metrics/metrics.h"
#include "platform/remote.h"
#include "provisioner/platform/config_service.h"
#include "provisioner/reconcile/bulkhead.h"

namespace tp::provisioner {

// Values of the label `service`.
inline constexpr std::string_view kConfigService = "config_service";
inline constexpr std::string_view kAiPipeline = "ai_pipeline";

// An observer that counts the calls to one service around the cluster:
//   teamprovisioning_service_requests_total{service,outcome}     outcome "ok", or the name of an ErrorCode
//   teamprovisioning_service_request_duration_seconds{service}
// The registry must outlive the observer.
[[nodiscard]] platform::CallObserver count_calls(metrics::Registry& registry, std::string_view name);

// How the services stand at this moment:
//   teamprovisioning_service_breaker_open{service}   the Config Service's
//   teamprovisioning_service_places                  of the bulkhead
//   teamprovisioning_service_places_taken
//   teamprovisioning_service_waiting_teams
[[nodiscard]] metrics::Families service_families(const ConfigService& config, const Bulkhead& bulkhead);

}  // namespace tp::provisioner
