#pragma once

#include <chrono>

#include "base/clock.h"
#include "base/mutex.h"

namespace tp::test {

// Time that moves only when the test says so. Thread-safe. Starts at 2026-01-01T00:00:00Z.
class FakeClock final : public Clock {
 public:
  [[nodiscard]] WallTime wall_now() const override {
    const MutexLock lock{m_};
    return WallTime{std::chrono::seconds{1767225600}} + offset_;
  }

  [[nodiscard]] SteadyTime now() const override {
    const MutexLock lock{m_};
    return SteadyTime{std::chrono::hours{1}} + offset_;
  }

  void advance(std::chrono::milliseconds by) {
    const MutexLock lock{m_};
    offset_ += by;
  }

 private:
  mutable Mutex m_;
  std::chrono::milliseconds offset_ TP_GUARDED_BY(m_){0};
};

}  // namespace tp::test
