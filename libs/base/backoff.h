#pragma once

#include <algorithm>
#include <chrono>
#include <cmath>

#include "base/random.h"

namespace tp {

// Exponential backoff with symmetric jitter. Pure: state (the attempt number) is the caller's.
struct Backoff {
  std::chrono::milliseconds min{500};
  std::chrono::milliseconds max{std::chrono::minutes{5}};
  double factor = 2.0;
  double jitter = 0.25;  // ±25 %

  // Delay before attempt number `failures` + 1; `failures` counts from 1. Never above max * (1 + jitter).
  [[nodiscard]] std::chrono::milliseconds delay(unsigned failures, Rng& rng) const {
    const double exponent = failures == 0 ? 0.0 : static_cast<double>(failures - 1);
    const double capped = std::min(static_cast<double>(min.count()) * std::pow(factor, exponent),
                                   static_cast<double>(max.count()));
    const double spread = 1.0 + jitter * (2.0 * rng.uniform() - 1.0);
    return std::chrono::milliseconds{static_cast<std::chrono::milliseconds::rep>(capped * spread)};
  }
};

}  // namespace tp
