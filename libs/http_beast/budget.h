#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace tp::http {

// The bytes that the bodies of all connections may take together (ServerLimits::bytes_in_flight).
// Thread-safe. Private to libs/http_beast.
class ByteBudget {
 public:
  // 0: no limit.
  explicit ByteBudget(std::size_t limit) : limit_(limit) {}

  [[nodiscard]] bool fits(std::uint64_t bytes, std::size_t up_to) const noexcept {
    return fits(used_.load(std::memory_order_relaxed), bytes, up_to);
  }

  [[nodiscard]] bool take(std::size_t bytes, std::size_t up_to) noexcept {
    std::size_t used = used_.load(std::memory_order_relaxed);
    do {
      if (!fits(used, bytes, up_to)) return false;
    } while (!used_.compare_exchange_weak(used, used + bytes, std::memory_order_relaxed));
    return true;
  }

  void give_back(std::size_t bytes) noexcept { used_.fetch_sub(bytes, std::memory_order_relaxed); }

  [[nodiscard]] std::size_t limit() const noexcept { return limit_; }

 private:
  [[nodiscard]] bool fits(std::size_t used, std::uint64_t bytes, std::size_t up_to) const noexcept {
    return limit_ == 0 || (used <= up_to && bytes <= up_to - used);
  }

  const std::size_t limit_;
  std::atomic<std::size_t> used_{0};
};

// What one request has taken of the budget; given back at the latest when this goes. Not thread-safe.
class Charge {
 public:
  explicit Charge(ByteBudget& budget) noexcept : budget_(budget) {}
  Charge(const Charge&) = delete;
  Charge& operator=(const Charge&) = delete;
  ~Charge() { release(); }

  // Whether a body of that size could be taken now. Takes nothing: an announcement costs its sender nothing.
  [[nodiscard]] bool fits(std::uint64_t body) const noexcept { return budget_.fits(body, share(body)); }

  // For bytes that have come.
  [[nodiscard]] bool take(std::size_t bytes) noexcept {
    if (!budget_.take(bytes, share(held_ + bytes))) return false;
    held_ += bytes;
    return true;
  }

  void release() noexcept {
    if (held_ > 0) budget_.give_back(held_);
    held_ = 0;
  }

 private:
  // Large bodies leave a quarter to the small ones, which nearly all honest requests have: a few peers that
  // send megabytes slowly must not shut out the rest.
  [[nodiscard]] std::size_t share(std::uint64_t body) const noexcept {
    constexpr std::uint64_t kSmall = std::uint64_t{64} << 10U;
    return body <= kSmall ? budget_.limit() : budget_.limit() / 4 * 3;
  }

  ByteBudget& budget_;
  std::size_t held_ = 0;
};

}  // namespace tp::http
