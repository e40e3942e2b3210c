#include "kube/client/request_metrics.h"

#include <array>
#include <chrono>
#include <string_view>
#include <vector>

namespace tp::kube {
namespace {

constexpr std::array kMethods{http::Method::Get, http::Method::Post, http::Method::Put, http::Method::Patch,
                              http::Method::Delete};
// What an API server answers in its good and its usual bad days. Any other status has a series from its first
// time on.
constexpr std::array kStatuses{0, 200, 201, 400, 401, 403, 404, 409, 410, 422, 429, 500, 503, 504};

const std::vector<double>& latency_buckets() {
  static const std::vector<double> kBuckets{0.005, 0.025, 0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60};
  return kBuckets;
}

std::string code_of(int status) { return status == 0 ? "<error>" : std::to_string(status); }

// host[:port], as in the URL.
std::string host_of(std::string_view server) {
  if (const auto scheme = server.find("://"); scheme != std::string_view::npos)
    server.remove_prefix(scheme + 3);
  return std::string{server.substr(0, server.find('/'))};
}

// The registry finds a series by its labels, in less than a thousandth of what a request takes.
struct Series {
  metrics::Registry& registry;
  const std::string host;

  [[nodiscard]] metrics::Counter& requests(http::Method method, int status) const {
    return registry.counter("rest_client_requests_total", "Requests to the API server, by answer.",
                            {{"code", code_of(status)}, {"host", host}, {"method", name(method)}});
  }
  [[nodiscard]] metrics::Histogram& latency(http::Method method) const {
    return registry.histogram("rest_client_request_duration_seconds",
                              "How long requests to the API server took, without watches.", latency_buckets(),
                              {{"host", host}, {"verb", name(method)}});
  }
  [[nodiscard]] metrics::Counter& retries(http::Method method) const {
    return registry.counter("rest_client_request_retries_total",
                            "Requests to the API server that were sent again.",
                            {{"code", "401"}, {"host", host}, {"verb", name(method)}});
  }

 private:
  [[nodiscard]] static std::string name(http::Method method) { return std::string{to_string(method)}; }
};

}  // namespace

ApiClient::Observer count_requests(metrics::Registry& registry, const std::string& server) {
  const Series series{registry, host_of(server)};
  for (const http::Method method : kMethods) {
    for (const int status : kStatuses) (void)series.requests(method, status);
    (void)series.latency(method);
    (void)series.retries(method);
  }
  return [series](const ApiClient::Call& call) {
    series.requests(call.method, call.status).Increment();
    if (call.verb != "watch")
      series.latency(call.method).Observe(std::chrono::duration<double>(call.took).count());
    if (call.again) series.retries(call.method).Increment();
  };
}

}  // namespace tp::kube
