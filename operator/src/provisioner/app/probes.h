#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/result.h"
#include "http_beast/server.h"
#include "log/log.h"
#include "metrics/metrics.h"
#include "provisioner/app/inspector.h"
#include "provisioner/app/options.h"

namespace tp::provisioner {

// The operator's own HTTP endpoints, for Prometheus and the kubelet, on the two addresses of the flags (one
// listener when they are the same):
//   /metrics
//   /healthz   the process answers
//   /livez     nothing is stuck that only a restart can help
//   /readyz    the caches are complete
// The latter two answer 503 with a line for each thing that is wrong.
class Probes {
 public:
  // `metrics_text` gives the text of /metrics, several times at once. It and `inspector` must outlive the
  // result, which serves until it is destroyed.
  [[nodiscard]] static Result<Probes> serve(const RunOptions& options,
                                            std::function<std::string()> metrics_text,
                                            const Inspector& inspector,
                                            const log::Logger& log);

 private:
  std::unique_ptr<http::Server> metrics_, health_;
};

}  // namespace tp::provisioner
