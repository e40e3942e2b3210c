#include "kube/client/request_metrics.h"

#include <chrono>
#include <string>

#include "support/catch.h"

namespace tp::kube {
namespace {

using namespace std::chrono_literals;

constexpr const char* kServer = "https://api.example:6443/clusters/c-1";

bool has(const metrics::Registry& registry, const std::string& line) {
  return ("\n" + registry.expose()).find("\n" + line + "\n") != std::string::npos;
}

TEST_CASE("request metrics: every series is there before the first request", "[kube]") {
  metrics::Registry registry;
  const ApiClient::Observer observe = count_requests(registry, kServer);
  for (const char* line :
       {R"(rest_client_requests_total{code="200",host="api.example:6443",method="GET"} 0)",
        R"(rest_client_requests_total{code="<error>",host="api.example:6443",method="PATCH"} 0)",
        R"(rest_client_request_duration_seconds_count{host="api.example:6443",verb="GET"} 0)",
        R"(rest_client_request_retries_total{code="401",host="api.example:6443",verb="POST"} 0)"}) {
    INFO(line);
    CHECK(has(registry, line));
  }
}

TEST_CASE("request metrics: the answer, the method and the time are counted", "[kube]") {
  metrics::Registry registry;
  const ApiClient::Observer observe = count_requests(registry, kServer);
  observe({.verb = "patch", .type = kServices, .method = http::Method::Patch, .status = 409, .took = 300ms});
  observe({.verb = "patch", .type = kServices, .method = http::Method::Patch, .took = 20s});
  observe({.verb = "get",
           .type = kServices,
           .method = http::Method::Get,
           .status = 200,
           .took = 1ms,
           .again = true});
  observe({.verb = "list", .type = kServices, .method = http::Method::Get, .status = 418, .took = 1ms});
  for (const char* line :
       {R"(rest_client_requests_total{code="409",host="api.example:6443",method="PATCH"} 1)",
        R"(rest_client_requests_total{code="<error>",host="api.example:6443",method="PATCH"} 1)",
        R"(rest_client_requests_total{code="418",host="api.example:6443",method="GET"} 1)",
        R"(rest_client_request_duration_seconds_bucket{host="api.example:6443",verb="PATCH",le="0.25"} 0)",
        R"(rest_client_request_duration_seconds_bucket{host="api.example:6443",verb="PATCH",le="0.5"} 1)",
        R"(rest_client_request_duration_seconds_bucket{host="api.example:6443",verb="PATCH",le="30"} 2)",
        R"(rest_client_request_retries_total{code="401",host="api.example:6443",verb="GET"} 1)",
        R"(rest_client_request_retries_total{code="401",host="api.example:6443",verb="PATCH"} 0)"}) {
    INFO(line << "\n" << registry.expose());
    CHECK(has(registry, line));
  }
}

TEST_CASE("request metrics: a watch is counted and has no latency", "[kube]") {
  metrics::Registry registry;
  const ApiClient::Observer observe = count_requests(registry, kServer);
  observe({.verb = "watch", .type = kServices, .method = http::Method::Get, .status = 200, .took = 1ms});
  CHECK(has(registry, R"(rest_client_requests_total{code="200",host="api.example:6443",method="GET"} 1)"));
  CHECK(has(registry, R"(rest_client_request_duration_seconds_count{host="api.example:6443",verb="GET"} 0)"));
}

}  // namespace
}  // namespace tp::kube
