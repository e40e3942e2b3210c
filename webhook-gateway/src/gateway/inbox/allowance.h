#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/clock.h"

namespace tp::gateway {

// How many runs teams may start. 0 stands for no limit, but for in_flight.
struct TeamLimits {
  int in_flight = 20;     // of one team at a time, over all workers
  double per_second = 1;  // of one team, as a token bucket ...
  int burst = 30;         // ... of this size
  int per_hour = 60;      // of one team; a control may set another number for a team or an org
};

// What a team has used of its limits.
struct RunMeter {
  double tokens = 0;
  WallTime tokens_at{};  // when `tokens` was right
  WallTime hour_begun{};
  int hour_runs = 0;
};

struct Allowance {
  int runs = 0;  // that may be started now
  // When a limit on starts ends it there: "rate" or "hourly_cap". The wait is no failure.
  std::string reason{};
  std::optional<WallTime> again_at{};  // when that limit allows the next one, should all `runs` be started
};

// Refills `meter` to `now` and says what it allows. Pure.
[[nodiscard]] Allowance allowance(RunMeter& meter, const TeamLimits& limits, int in_flight, WallTime now);

// Takes `runs` from the meter.
void spend(RunMeter& meter, int runs) noexcept;

}  // namespace tp::gateway
