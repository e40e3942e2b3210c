#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/context.h"
#include "base/random.h"
#include "base/result.h"
#include "gateway/dispatch/dispatcher.h"
#include "gateway/dispatch/resolver.h"
#include "gateway/dispatch/router.h"
#include "gateway/dispatch/settler.h"
#include "gateway/dispatch/wake.h"
#include "gateway/inbox/inbox.h"
#include "log/log.h"
#include "metrics/metrics.h"

namespace tp::gateway {

// The threads of the worker role: they claim events, have them routed and dispatched, and keep the inbox in
// order.
class Worker {
 public:
  struct Settings {
    std::size_t routers = 4;
    std::size_t dispatchers = 4;
    std::chrono::milliseconds poll{100};  // how often an idle thread looks, without a reason
    std::chrono::milliseconds lease{30'000};
    int payload_days = 14;
    int event_days = 90;
  };

  // When an idle thread is to look at once.
  struct Wakes {
    Wake& new_events;  // the process's own webhooks role has stored something
    Wake& due_teams;   // teams may start a run
  };

  // All references must outlive it.
  Worker(Settings settings,
         Wakes wakes,
         Inbox& inbox,
         Router& router,
         Dispatcher& dispatcher,
         Resolver& resolver,
         Settler& settler,
         const Clock& clock,
         Rng& rng,
         metrics::Registry& registry,
         log::Logger log);
  // Cuts what still runs: it becomes unknown once the lease is over.
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  void start();
  // Stops claiming, waits for the runs in flight and for their outcomes to be stored, and gives back what is
  // left. DeadlineExceeded when runs were still in flight: they stand as unknown in the inbox.
  [[nodiscard]] Status drain(const Context& ctx);

 private:
  // Calls `step` until the stop: at once again while it finds work, after a pause when not, with backoff when
  // it fails.
  void loop(const char* name, bool first, Wake& wake, std::function<Result<bool>(const Context&)> step);
  void keep(const std::stop_token& stop);
  void observe(const Depth& depth);
  void note_tended();

  const Settings settings_;
  Inbox& inbox_;
  Router& router_;
  Dispatcher& dispatcher_;
  Resolver& resolver_;
  Settler& settler_;
  const Clock& clock_;
  Rng& rng_;
  metrics::Registry& registry_;
  const log::Logger log_;
  Wakes wakes_;
  Wake never_;
  std::vector<std::jthread> claimers_;
  std::jthread keeper_;  // last: it keeps the claims alive until all others are done
};

}  // namespace tp::gateway
