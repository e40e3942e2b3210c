#include "platform/call_metrics.h"

#include <array>
#include <chrono>
#include <optional>
#include <vector>

namespace tp::platform {
namespace {

// How a call to a Remote can fail.
constexpr std::array kFailures{
    ErrorCode::Unauthenticated,   ErrorCode::PermissionDenied, ErrorCode::NotFound,    ErrorCode::Conflict,
    ErrorCode::ResourceExhausted, ErrorCode::InvalidArgument,  ErrorCode::Unavailable, ErrorCode::DataLoss,
    ErrorCode::DeadlineExceeded,  ErrorCode::Cancelled};

// Calls have 10 or 30 s.
const std::vector<double>& buckets() {
  static const std::vector<double> kBuckets{0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30};
  return kBuckets;
}

}  // namespace

CallObserver count_calls(metrics::Registry& registry, std::string_view prefix, std::string_view service) {
  const std::string family = std::string{prefix} + "_service_request";
  const auto requests = [&registry, family, its_service = std::string{service}](
                            std::optional<ErrorCode> failure) -> metrics::Counter& {
    return registry.counter(
        family + "s_total", "Calls to the platform's services, by outcome.",
        {{"outcome", failure ? std::string{to_string(*failure)} : "ok"}, {"service", its_service}});
  };
  static_cast<void>(requests(std::nullopt));
  for (const ErrorCode failure : kFailures) static_cast<void>(requests(failure));
  metrics::Histogram& duration =
      registry.histogram(family + "_duration_seconds", "How long calls to the platform's services took.",
                         buckets(), {{"service", std::string{service}}});
  return [requests, &duration](std::optional<ErrorCode> failure, std::chrono::nanoseconds took) {
    requests(failure).Increment();
    duration.Observe(std::chrono::duration<double>(took).count());
  };
}

}  // namespace tp::platform
