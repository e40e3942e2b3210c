#pragma once

#include <functional>
#include <map>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/context.h"
#include "base/mutex.h"
#include "base/random.h"
#include "base/result.h"
#include "gateway/inbox/inbox.h"
#include "log/log.h"
#include "metrics/metrics.h"

namespace tp::gateway {

// Brings the ends of claims into the database, as many in one statement as have come while the last one ran.
// While the database is away they wait here, as many as there are claims: an outcome that is known is not
// given up. Thread-safe.
class Settler {
 public:
  // All must outlive it. `settled` is called on the Settler's thread after each batch.
  Settler(Inbox& inbox,
          std::function<void()> settled,
          const Clock& clock,
          Rng& rng,
          metrics::Registry& registry,
          log::Logger log);
  ~Settler();
  Settler(const Settler&) = delete;
  Settler& operator=(const Settler&) = delete;

  // Never blocks.
  void settle(std::vector<Settlement> settlements) TP_EXCLUDES(m_);
  void settle(Settlement settlement);

  // Returns when everything given so far is in the database. DeadlineExceeded or Cancelled when that did not
  // happen.
  [[nodiscard]] Status drain(const Context& ctx) TP_EXCLUDES(m_);

 private:
  void run(const std::stop_token& stop);
  void count(const std::vector<Settlement>& settled) const;

  Inbox& inbox_;
  const std::function<void()> settled_;
  const Clock& clock_;
  Rng& rng_;
  const log::Logger log_;
  std::map<State, metrics::Counter*> ended_;  // of each final state; constant after construction
  Mutex m_;
  CondVar changed_;
  std::vector<Settlement> waiting_ TP_GUARDED_BY(m_);
  bool busy_ TP_GUARDED_BY(m_) = false;
  std::jthread thread_;  // last
};

}  // namespace tp::gateway
