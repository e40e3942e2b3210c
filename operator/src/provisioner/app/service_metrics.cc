#include "provisioner/app/service_metrics.h"

#include <array>
#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace tp::provisioner {
namespace {

// How a call to a platform::Remote can fail.
constexpr std::array kFailures{
    ErrorCode::Unauthenticated,   ErrorCode::PermissionDenied, ErrorCode::NotFound,    ErrorCode::Conflict,
    ErrorCode::ResourceExhausted, ErrorCode::InvalidArgument,  ErrorCode::Unavailable, ErrorCode::DataLoss,
    ErrorCode::DeadlineExceeded,  ErrorCode::Cancelled};

// Calls have 10 or 30 s.
const std::vector<double>& call_buckets() {
  static const std::vector<double> kBuckets{0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30};
  return kBuckets;
}

metrics::Counter& requests(metrics::Registry& registry,
                           const std::string& service,
                           std::optional<ErrorCode> failure) {
  return registry.counter(
      "teamprovisioning_service_requests_total", "Calls to the services around the cluster, by outcome.",
      {{"outcome", failure ? std::string{to_string(*failure)} : "ok"}, {"service", service}});
}

}  // namespace

platform::CallObserver count_calls(metrics::Registry& registry, std::string_view name) {
  const std::string service{name};
  static_cast<void>(requests(registry, service, std::nullopt));
  for (const ErrorCode failure : kFailures) static_cast<void>(requests(registry, service, failure));
  metrics::Histogram& duration = registry.histogram("teamprovisioning_service_request_duration_seconds",
                                                    "How long calls to the services around the cluster took.",
                                                    call_buckets(), {{"service", service}});
  return [&registry, &duration, service](std::optional<ErrorCode> failure, std::chrono::nanoseconds took) {
    requests(registry, service, failure).Increment();
    duration.Observe(std::chrono::duration<double>(took).count());
  };
}

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
