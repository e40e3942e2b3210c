#pragma once

#include <string_view>

#include "metrics/collected.h"
#include "provisioner/platform/config_service.h"
#include "provisioner/reconcile/bulkhead.h"

namespace tp::provisioner {

// Values of the label `service`.
inline constexpr std::string_view kConfigService = "config_service";
inline constexpr std::string_view kAiPipeline = "ai_pipeline";

// How the services stand at this moment:
//   teamprovisioning_service_breaker_open{service}   the Config Service's
//   teamprovisioning_service_places                  of the bulkhead
//   teamprovisioning_service_places_taken
//   teamprovisioning_service_waiting_teams
[[nodiscard]] metrics::Families service_families(const ConfigService& config, const Bulkhead& bulkhead);

}  // namespace tp::provisioner
