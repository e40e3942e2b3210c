#include "provisioner/app/service_metrics.h"

#include <string>
#include <utility>

#include "metrics/metrics.h"

namespace tp::provisioner {

metrics::Families service_families(const ConfigService& config, const Bulkhead& bulkhead) {
  const Bulkhead::Usage usage = bulkhead.usage();
  const auto gauge = [](const char* name, const char* help, double value,
                        const metrics::Labels& labels = {}) {
    metrics::GaugeFamily family{name, help};
    family.add(labels, value);
    return std::move(family).take();
  };
  return {gauge("teamprovisioning_service_breaker_open",
                "1 while a service is not called because calls to it have failed.",
                config.breaker_open() ? 1 : 0, {{"service", std::string{kConfigService}}}),
          gauge("teamprovisioning_service_places", "Teams that may wait for the services at the same time.",
                static_cast<double>(usage.places)),
          gauge("teamprovisioning_service_places_taken", "Teams that wait for the services now.",
                static_cast<double>(usage.taken)),
          gauge("teamprovisioning_service_waiting_teams", "Teams that wait for a place.",
                static_cast<double>(usage.waiting))};
}

}  // namespace tp::provisioner
