#pragma once

#include <chrono>
#include <memory>
#include <stop_token>
#include <string>

#include "base/clock.h"
#include "base/context.h"
#include "base/result.h"
#include "kube/client/config.h"
#include "kube/cluster/cluster.h"
#include "log/log.h"
#include "metrics/metrics.h"

namespace tp::provisioner {

// A command's time with an API server: until it is stopped, or `limit` is over.
class Session {
 public:
  Session(std::stop_token stop, std::chrono::milliseconds limit, log::Sink& sink);

  // FailedPrecondition and the like when there is no way to reach one; whether it answers is not asked.
  [[nodiscard]] Status connect(const std::string& kubeconfig);

  [[nodiscard]] kube::ApiClient& api() { return cluster_->api(); }
  [[nodiscard]] const std::string& server() const noexcept { return server_; }
  // The namespace of the pod, or of the kubeconfig's context.
  [[nodiscard]] const std::string& ns() const noexcept { return ns_; }
  [[nodiscard]] const Clock& clock() const noexcept { return clock_; }
  [[nodiscard]] const log::Logger& log() const noexcept { return log_; }
  // Of one call.
  [[nodiscard]] Context call() const;
  // Waits; false when the session is over.
  [[nodiscard]] bool pause(std::chrono::milliseconds time) const;

 private:
  const SystemClock clock_;
  const Context whole_;
  const log::Logger log_;
  metrics::Registry registry_;
  std::string server_, ns_;
  std::unique_ptr<kube::Cluster> cluster_;
};

}  // namespace tp::provisioner
