#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <vector>

#include "base/backoff.h"
#include "base/clock.h"
#include "base/context.h"
#include "base/mutex.h"
#include "base/random.h"
#include "kube/runtime/reconciler.h"
#include "kube/runtime/work_queue.h"
#include "log/log.h"
#include "metrics/metrics.h"

namespace tp::kube {

struct ControllerOptions {
  unsigned workers = 4;
  Backoff backoff{};  // 0.5 s to 5 min, ±25 %
  // Of one reconcile: its Context's deadline. Crossplane's and ours; controller-runtime has none.
  std::chrono::milliseconds timeout{60'000};
};

// Takes keys from a queue and gives them to a Reconciler, with several workers.
//
//   outcome                                  what follows
//   Next                                     failures forgotten; again after Next::after (as Low: time, not a
//   change) retryable Error                          again after the backoff, not before its retry_after
//   Cancelled                                the key goes back into the queue, no failure is counted
//   any other Error                          terminal: logged; waits for a change
//   an exception                             counted as a panic, again after the backoff
//   std::bad_alloc                           the process ends: nothing can be promised after it
//
// Each reconcile has an id and a trace in its Context and in each log line about it.
//
// Metrics have controller-runtime's names and labels, so that existing dashboards work.
//
// start() and stop() are for one thread; the rest is thread-safe. It may be started again after stop(): a
// program that loses its leadership and gains it again.
class Controller {
 public:
  // All references must outlive this. `name` is the label `controller`.
  Controller(std::string name,
             WorkQueue& queue,
             Reconciler& reconciler,
             const ControllerOptions& options,
             const Clock& clock,
             Rng& rng,
             const log::Logger& logger,
             metrics::Registry& registry);
  // stop(0 s).
  ~Controller();
  Controller(const Controller&) = delete;
  Controller& operator=(const Controller&) = delete;

  void start();
  // Takes no more keys; what waits stays in the queue. Running reconciles may finish within `grace`, then
  // their Contexts are stopped. Returns when the last one has returned. 25 s is what fits into a pod's usual
  // 30 s.
  void stop(std::chrono::milliseconds grace = std::chrono::seconds{25});

  // How long the longest reconcile that runs now has been running; zero when none does. For liveness: much
  // more than the timeout means that a worker is stuck.
  [[nodiscard]] std::chrono::nanoseconds longest_running() const;

  struct Running {
    ObjectKey key;
    std::string reconcile_id;
    std::chrono::nanoseconds age{0};
  };
  // What runs now, in no particular order.
  [[nodiscard]] std::vector<Running> running() const;

 private:
  enum class Outcome : std::uint8_t { Success, Error, Requeue, RequeueAfter };
  struct Run {
    ObjectKey key;
    std::string id;
    SteadyTime since;
  };
  struct Metrics;
  class Collector;

  void work(const std::stop_token& stop, std::size_t worker);
  void process(const WorkQueue::Item& item, std::size_t worker);
  Outcome reconcile(const WorkQueue::Item& item, const std::string& id);
  Outcome succeeded(const WorkQueue::Item& item, const Next& next);
  Outcome failed(const WorkQueue::Item& item, const Context& ctx, const Error& error);
  void panicked(const WorkQueue::Item& item, const Context& ctx, std::string_view what);
  std::chrono::milliseconds retry(const WorkQueue::Item& item, std::chrono::milliseconds at_least);
  void forget(const ObjectKey& key);
  [[nodiscard]] std::string new_id();

  // Constant.
  const std::string name_;
  WorkQueue& queue_;
  Reconciler& reconciler_;
  const ControllerOptions options_;
  const Clock& clock_;
  Rng& rng_;
  const log::Logger logger_;
  const std::unique_ptr<Metrics> metrics_;
  const std::shared_ptr<Collector> collector_;

  std::stop_source abort_;  // of running reconciles; replaced by start()

  mutable Mutex m_;
  CondVar ended_;
  std::unordered_map<ObjectKey, unsigned> failures_ TP_GUARDED_BY(m_);  // in a row; only keys that have any
  std::vector<std::optional<Run>> running_ TP_GUARDED_BY(m_);           // by worker
  std::size_t alive_ TP_GUARDED_BY(m_) = 0;                             // workers that have not ended

  std::vector<std::jthread> workers_;  // last: they use everything above
};

}  // namespace tp::kube
