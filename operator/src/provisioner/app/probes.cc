#include "provisioner/app/probes.h"

#include <iterator>
#include <string>
#include <utility>

namespace tp::provisioner {
namespace {

http::Response text(int status, std::string body) {
  return {status, {{"Content-Type", "text/plain; charset=utf-8"}}, std::move(body)};
}

// Tells what is wrong; nothing is right.
http::Response verdict(std::string wrong) {
  return wrong.empty() ? text(200, "ok\n") : text(503, std::move(wrong));
}

}  // namespace

Result<Probes> Probes::serve(const RunOptions& options,
                             std::function<std::string()> metrics_text,
                             const Inspector& inspector,
                             const log::Logger& log) {
  http::Routes metrics{
      {http::Method::Get, "/metrics",
       [metrics_text = std::move(metrics_text)](const http::ServerRequest& /*request*/) {
         return http::Response{
             200, {{"Content-Type", std::string{metrics::Registry::kContentType}}}, metrics_text()};
       }}};
  http::Routes health{
      {http::Method::Get, "/healthz",
       [](const http::ServerRequest& /*request*/) { return text(200, "ok\n"); }},
      {http::Method::Get, "/livez",
       [&inspector](const http::ServerRequest& /*request*/) { return verdict(inspector.stuck()); }},
      {http::Method::Get, "/readyz",
       [&inspector](const http::ServerRequest& /*request*/) { return verdict(inspector.not_ready()); }}};
  Probes probes;
  if (options.metrics_bind_address == options.health_probe_bind_address) {
    health.insert(health.end(), std::make_move_iterator(metrics.begin()),
                  std::make_move_iterator(metrics.end()));
  } else {
    TP_ASSIGN_OR_RETURN(probes.metrics_, http::Server::start(options.metrics_bind_address, std::move(metrics),
                                                             {}, log.named("metrics")));
  }
  TP_ASSIGN_OR_RETURN(probes.health_, http::Server::start(options.health_probe_bind_address,
                                                          std::move(health), {}, log.named("health")));
  return probes;
}

}  // namespace tp::provisioner
