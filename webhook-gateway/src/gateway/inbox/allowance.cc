#include "gateway/inbox/allowance.h"

#include <algorithm>
#include <chrono>
#include <cmath>

namespace tp::gateway {
namespace {

constexpr std::chrono::hours kHour{1};

void refill(RunMeter& meter, const TeamLimits& limits, WallTime now) {
  const std::chrono::duration<double> passed = std::max(now - meter.tokens_at, WallTime::duration::zero());
  meter.tokens =
      std::min(meter.tokens + passed.count() * limits.per_second, static_cast<double>(limits.burst));
  meter.tokens_at = now;
  // The clock is the database's; after a failover it may have gone back a little.
  if (now - meter.hour_begun < kHour && now >= meter.hour_begun) return;
  meter.hour_begun = now;
  meter.hour_runs = 0;
}

}  // namespace

Allowance allowance(RunMeter& meter, const TeamLimits& limits, int in_flight, WallTime now) {
  refill(meter, limits, now);
  Allowance allowed{std::max(0, limits.in_flight - in_flight)};
  const auto cap = [&](int runs, const char* reason, WallTime again_at) {
    if (runs >= allowed.runs) return;
    allowed = {std::max(0, runs), reason, again_at};
  };
  if (limits.per_second > 0) {
    const double whole = std::floor(meter.tokens);
    const std::chrono::duration<double> missing{(whole + 1 - meter.tokens) / limits.per_second};
    cap(static_cast<int>(whole), "rate", now + std::chrono::ceil<std::chrono::milliseconds>(missing));
  }
  if (limits.per_hour > 0) cap(limits.per_hour - meter.hour_runs, "hourly_cap", meter.hour_begun + kHour);
  return allowed;
}

void spend(RunMeter& meter, int runs) noexcept {
  meter.tokens -= runs;
  meter.hour_runs += runs;
}

}  // namespace tp::gateway
