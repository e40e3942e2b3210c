#include "provisioner/app/services.h"

#include <string_view>
#include <utility>

#include <nlohmann/json.hpp>

#include "http/gated_client.h"
#include "http/traced_client.h"
#include "http_cpprest/client.h"
#include "platform/call_metrics.h"
#include "provisioner/app/service_metrics.h"

namespace tp::provisioner {

Services::Services(const Clock& clock,
                   const log::Logger& log,
                   kube::WorkQueue& queue,
                   std::size_t places,
                   const http::WriteGate* gate)
    : clock_(clock),
      log_(log),
      gate_(gate),
      bulkhead_(places, [&queue](const kube::ObjectKey& key) { queue.add(key); }) {}

Status Services::connect(const RunOptions& options, metrics::Registry* registry) {
  const auto observer = [registry](std::string_view service) {
    return registry == nullptr ? platform::CallObserver{}
                               : platform::count_calls(*registry, "teamprovisioning", service);
  };
  TP_ASSIGN_OR_RETURN(const auto rules, http::parse_connect_to(options.connect_to));
  TP_ASSIGN_OR_RETURN(config_client_,
                      client("--config-service-url", options.build.config_service_url, rules));
  config_token_.emplace(options.config_service_token_file, clock_, log_.named("token"));
  config_.emplace(*config_client_, *config_token_, clock_, observer(kConfigService));
  if (registry != nullptr) {
    collector_ = metrics::collector([this] { return service_families(*config_, bulkhead_); });
    registry->collect(collector_);
  }
  if (!options.build.bootstrap) return ok();
  TP_ASSIGN_OR_RETURN(pipeline_client_, client("--ai-pipeline-url", options.ai_pipeline_url, rules));
  pipeline_token_.emplace(options.ai_pipeline_token_file, clock_, log_.named("token"));
  pipeline_.emplace(*pipeline_client_, *pipeline_token_, clock_, observer(kAiPipeline));
  return ok();
}

Platform Services::platform() { return {*config_, pipeline_ ? &*pipeline_ : nullptr, bulkhead_}; }

nlohmann::json Services::state() const {
  if (!config_) return nullptr;
  const Bulkhead::Usage usage = bulkhead_.usage();
  return {{"config_service", {{"breaker_open", config_->breaker_open()}}},
          {"places", usage.places},
          {"places_taken", usage.taken},
          {"waiting_teams", usage.waiting}};
}

Result<std::unique_ptr<http::HttpClient>> Services::client(const char* flag,
                                                           const std::string& url,
                                                           const std::vector<http::ConnectTo>& rules) {
  // Many callers at once wedge the Config Service for minutes; the bulkhead lets in fewer anyway.
  constexpr std::size_t kConcurrent = 16;
  http::ClientOptions options{
      .base_url = url, .max_response_bytes = ConfigService::kMaxAnswerBytes, .max_concurrent = kConcurrent};
  options.connect_to = rules;
  options.user_agent = "team-operator/" TP_VERSION;
  options.tls.system_roots = true;
  options.log = log_.named("http");
  auto made = http::create_client(std::move(options), clock_);
  if (!made) return std::move(made).error().wrap(flag);
  std::unique_ptr<http::HttpClient> inner = *std::move(made);
  if (gate_ != nullptr) inner = std::make_unique<http::GatedClient>(std::move(inner), *gate_);
  return std::unique_ptr<http::HttpClient>{std::make_unique<http::TracedClient>(std::move(inner), rng_)};
}

}  // namespace tp::provisioner
