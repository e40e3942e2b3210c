#pragma once

#include <chrono>
#include <cstddef>
#include <map>
#include <string>

#include "base/clock.h"

namespace tp::platform {

struct BreakerLimits {
  unsigned failures = 5;                     // in a row, until it opens
  std::chrono::milliseconds within{60'000};  // a pause as long between two of them starts the count anew
  // Short: an agent that has restarted should not wait for its runs, and a probe costs it one request.
  std::chrono::milliseconds first_pause{2'000};
  std::chrono::milliseconds longest_pause{15'000};  // it doubles until then
  std::size_t capacity = 10'000;  // keys remembered; the one that was heard of least recently goes first
};

// Circuit breakers by key (an agent's URL): keeps runs away from an agent that takes none, and lets one in
// from time to time to see. Closed until `failures` in a row, then open for a pause, then half open: one
// probe, whose failure opens it for twice the pause and whose success closes it. Pure: the time is given. Not
// synchronised.
class Breakers {
 public:
  explicit Breakers(BreakerLimits limits = {}) : limits_(limits) {}

  // Whether a request may go there now. When half open, the first who asks is the probe and must report; one
  // that never does counts as failed after the longest pause.
  [[nodiscard]] bool allow(const std::string& key, SteadyTime now);
  // When allow() may next say yes; `now` when it would already.
  [[nodiscard]] SteadyTime next_chance(const std::string& key, SteadyTime now) const;
  void succeeded(const std::string& key) { states_.erase(key); }
  void failed(const std::string& key, SteadyTime now);

  // Whether it is half open, and its probe has not reported.
  [[nodiscard]] bool probing(const std::string& key) const;

  // Those that are open. Whom nobody has asked for `within` after its last failure is not counted any more:
  // nobody would learn that it is back.
  [[nodiscard]] std::size_t open_count(SteadyTime now) const;
  [[nodiscard]] std::size_t size() const noexcept { return states_.size(); }

 private:
  struct State {
    unsigned failures = 0;
    SteadyTime last{};
    SteadyTime no_entry_until{};         // while open
    std::chrono::milliseconds pause{0};  // the last one; 0: has not been open
    bool probing = false;                // one was let in, and has not reported

    [[nodiscard]] bool is_open() const noexcept { return pause.count() > 0; }
  };

  void make_room();

  const BreakerLimits limits_;
  std::map<std::string, State> states_;
};

}  // namespace tp::platform
