#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "base/clock.h"
#include "base/random.h"
#include "base/result.h"
#include "http/client.h"
#include "http/write_gate.h"
#include "http_cpprest/endpoint.h"
#include "kube/client/token_source.h"
#include "kube/runtime/work_queue.h"
#include "log/log.h"
#include "metrics/metrics.h"
#include "platform/pipeline.h"
#include "provisioner/app/options.h"
#include "provisioner/platform/config_service.h"
#include "provisioner/reconcile/bulkhead.h"
#include "provisioner/reconcile/reconciler.h"

namespace tp::provisioner {

// The clients of the services around the cluster, made from the flags. Thread-safe once connected.
class Services {
 public:
  // All must outlive this. A team that found no place among `places` goes back into `queue` when there is
  // one. While `gate` is shut nothing is changed there; null: there is none.
  Services(const Clock& clock,
           const log::Logger& log,
           kube::WorkQueue& queue,
           std::size_t places,
           const http::WriteGate* gate = nullptr);

  // The error names the flag. Calls are counted in `registry` (platform/call_metrics.h), if there is one; it
  // must be asked no more once this is gone.
  Status connect(const RunOptions& options, metrics::Registry* registry = nullptr);

  // Once connected.
  [[nodiscard]] Platform platform();
  // How they stand, for people; null before connect().
  [[nodiscard]] nlohmann::json state() const;

 private:
  [[nodiscard]] Result<std::unique_ptr<http::HttpClient>> client(const char* flag,
                                                                 const std::string& url,
                                                                 const std::vector<http::ConnectTo>& rules);

  const Clock& clock_;
  const log::Logger& log_;
  const http::WriteGate* const gate_;
  SystemRng rng_;  // of spans
  Bulkhead bulkhead_;
  std::unique_ptr<http::HttpClient> config_client_, pipeline_client_;
  std::optional<kube::FileTokenSource> config_token_, pipeline_token_;
  std::optional<ConfigService> config_;
  std::optional<platform::PipelineClient> pipeline_;
  std::shared_ptr<prometheus::Collectable> collector_;
};

}  // namespace tp::provisioner
