#pragma once

#include <atomic>

#include "base/clock.h"

namespace tp::http {

// Whether writes may begin: until a moment that its owner moves on again and again, as long as it has the
// right to write. Shut at first. Whoever asks compares that moment with the clock, so the gate shuts by
// itself, also for a process that was not running when the time came (SIGSTOP, a paused container): what
// counts is std::chrono::steady_clock, which goes on meanwhile. Thread-safe.
class WriteGate {
 public:
  // `clock` must outlive this.
  explicit WriteGate(const Clock& clock) : clock_(clock) {}

  void open_until(SteadyTime end) { end_.store(end.time_since_epoch().count(), std::memory_order_release); }
  // For a process that nobody else can write beside.
  void open_for_good() { open_until(SteadyTime::max()); }
  void shut() { open_until(SteadyTime::min()); }

  [[nodiscard]] bool is_open() const {
    return clock_.now() < SteadyTime{SteadyTime::duration{end_.load(std::memory_order_acquire)}};
  }

 private:
  const Clock& clock_;
  std::atomic<SteadyTime::rep> end_{SteadyTime::min().time_since_epoch().count()};
};

}  // namespace tp::http
