#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/result.h"
#include "http_beast/server.h"
#include "log/log.h"
#include "metrics/metrics.h"
#include "provisioner/app/options.h"

namespace tp::provisioner {

// The operator's own HTTP endpoints, for Prometheus and the kubelet: /metrics, /healthz and /readyz, on the
// two addresses of the flags (one listener when they are the same).
class Probes {
 public:
  // Text that says what is not ready yet; empty when everything is. Thread-safe.
  using NotReady = std::function<std::string()>;

  // `registry` must outlive the result. It serves until it is destroyed.
  [[nodiscard]] static Result<Probes> serve(const RunOptions& options,
                                            metrics::Registry& registry,
                                            NotReady not_ready,
                                            const log::Logger& log);

 private:
  std::unique_ptr<http::Server> metrics_, health_;
};

}  // namespace tp::provisioner
