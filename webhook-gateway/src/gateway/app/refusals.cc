#include "gateway/app/refusals.h"

#include <array>
#include <map>
#include <utility>

namespace tp::gateway {
namespace {

// Those of http_beast/server.h.
constexpr std::array kStatuses{400, 404, 405, 408, 413, 415, 417, 431, 501, 503};

}  // namespace

http::Server::OnRefusal count_refusals(metrics::Registry& registry, const std::string& listener) {
  const auto counter = [&](const std::string& status) {
    return &registry.counter("webhook_gateway_refused_total",
                             "Requests that the listener answered by itself, by status.",
                             {{"listener", listener}, {"status", status}});
  };
  std::map<int, metrics::Counter*> counters;
  for (const int status : kStatuses) counters[status] = counter(std::to_string(status));
  return [counters = std::move(counters), other = counter("other")](int status) {
    const auto found = counters.find(status);
    (found == counters.end() ? other : found->second)->Increment();
  };
}

}  // namespace tp::gateway
