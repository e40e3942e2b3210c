#include "platform/call_metrics.h"

#include <chrono>
#include <string>

#include "support/catch.h"

namespace tp::platform {
namespace {

using namespace std::chrono_literals;

TEST_CASE("call metrics: calls by outcome, with their time", "[metrics]") {
  metrics::Registry registry;
  const CallObserver observe = count_calls(registry, "teamprovisioning", "config_service");
  const auto has = [&registry](const std::string& line) {
    return registry.expose().find("\nteamprovisioning_service_request" + line + "\n") != std::string::npos;
  };
  CHECK(has(R"(s_total{outcome="ok",service="config_service"} 0)"));
  CHECK(has(R"(s_total{outcome="unavailable",service="config_service"} 0)"));
  observe(std::nullopt, 30ms);
  observe(std::nullopt, 20ms);
  observe(ErrorCode::Unavailable, 10s);
  CHECK(has(R"(s_total{outcome="ok",service="config_service"} 2)"));
  CHECK(has(R"(s_total{outcome="unavailable",service="config_service"} 1)"));
  CHECK(has(R"(_duration_seconds_bucket{service="config_service",le="0.05"} 2)"));
  CHECK(has(R"(_duration_seconds_bucket{service="config_service",le="10"} 3)"));
}

}  // namespace
}  // namespace tp::platform
