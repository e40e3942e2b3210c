#pragma once

#include <memory>
#include <string>

#include "base/clock.h"
#include "base/random.h"
#include "base/result.h"
#include "http/client.h"
#include "http/write_gate.h"
#include "kube/client/api_client.h"
#include "kube/client/config.h"
#include "kube/runtime/recovery.h"
#include "log/log.h"
#include "metrics/metrics.h"

namespace tp::kube {

// How a process finds its API server: a kubeconfig file, or without one what the kubelet put into its pod
// (FailedPrecondition where that is not there).
[[nodiscard]] Result<ClientConfig> find_config(const std::string& kubeconfig);

// One API server, as a process uses it: the clients, and what all their users know of its health.
// Thread-safe.
class Cluster {
 public:
  // `clock` and `registry`, where its requests are counted, must outlive the result, and so must `gate`,
  // without which no write is begun while it is shut; null: there is none.
  [[nodiscard]] static Result<std::unique_ptr<Cluster>> connect(const ClientConfig& config,
                                                                const std::string& user_agent,
                                                                const Clock& clock,
                                                                const log::Logger& log,
                                                                metrics::Registry& registry,
                                                                const http::WriteGate* gate = nullptr);
  // For a process that goes on without one: every call fails with `why`.
  [[nodiscard]] static std::unique_ptr<Cluster> none(Error why, const Clock& clock);

  [[nodiscard]] ApiClient& api() noexcept { return api_; }
  [[nodiscard]] Recovery& recovery() noexcept { return recovery_; }

 private:
  Cluster(std::unique_ptr<http::HttpClient> unary,
          std::unique_ptr<http::HttpClient> streaming,
          const Clock& clock,
          ApiClient::Observer count);

  SystemRng rng_;  // of spans
  const std::unique_ptr<http::HttpClient> unary_;
  const std::unique_ptr<http::HttpClient> streaming_;
  Recovery recovery_;
  ApiClient api_;
};

}  // namespace tp::kube
