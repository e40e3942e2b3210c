#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/clock.h"
#include "base/mutex.h"

namespace tp::gateway {

// How many wrong signatures one address may send: a token bucket each. It never refuses a request that
// verifies, so whoever shares an address with an attacker (a proxy, a NAT) is not locked out; it only makes
// further failures cheap to answer and quiet in the log. Addresses of one IPv6 /64 count as one. Thread-safe,
// and bounded: when too many addresses fail at once, the oldest are forgotten.
class FailureLimit {
 public:
  struct Options {
    double per_second = 1;
    double burst = 60;
    std::size_t addresses = 10'000;
  };

  explicit FailureLimit(Options options) : options_(options) {}

  // Counts a failure of `address`; false when it has used its allowance up.
  [[nodiscard]] bool allow(std::string_view address, SteadyTime now);

 private:
  struct Bucket {
    double tokens;
    SteadyTime at;
  };
  using Buckets = std::unordered_map<std::string, Bucket>;

  const Options options_;
  Mutex m_;
  // Two generations: when the young one is full it becomes the old one, and what was old and not seen since
  // is forgotten.
  Buckets young_ TP_GUARDED_BY(m_);
  Buckets old_ TP_GUARDED_BY(m_);
};

}  // namespace tp::gateway
