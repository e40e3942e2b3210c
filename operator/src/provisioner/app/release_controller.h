#pragma once

#include "base/clock.h"
#include "base/random.h"
#include "kube/client/api_client.h"
#include "kube/runtime/controller.h"
#include "kube/runtime/work_queue.h"
#include "log/log.h"
#include "metrics/metrics.h"
#include "provisioner/reconcile/caches.h"
#include "provisioner/reconcile/release_progress.h"

namespace tp::provisioner {

// Keeps the statuses of the AgentReleases: ReleaseReconciler with a queue and a worker of its own, so that
// thousands of teams that move do not wait behind it, nor it behind them.
class ReleaseController {
 public:
  // References must outlive this.
  ReleaseController(kube::ApiClient& api,
                    Caches& caches,
                    const Clock& clock,
                    Rng& rng,
                    const log::Logger& log,
                    metrics::Registry& registry);

  // Counts anew within a second: however many teams moved in between, one status write a release.
  // Thread-safe.
  void recount();

  // As Controller's.
  void start() { controller_.start(); }
  void stop(std::chrono::milliseconds grace) { controller_.stop(grace); }

 private:
  Caches& caches_;
  kube::WorkQueue queue_;
  ReleaseReconciler reconciler_;
  kube::Controller controller_;
};

}  // namespace tp::provisioner
