#pragma once

#include <chrono>

namespace tp {

using WallTime = std::chrono::system_clock::time_point;
using SteadyTime = std::chrono::steady_clock::time_point;

// The only way to ask what time it is, so that tests decide. Implementations are thread-safe.
class Clock {
 public:
  Clock() = default;
  Clock(const Clock&) = delete;
  Clock& operator=(const Clock&) = delete;
  virtual ~Clock() = default;

  // For timestamps that people and other programs read. May jump.
  [[nodiscard]] virtual WallTime wall_now() const = 0;
  // For deadlines and durations. Never goes back.
  [[nodiscard]] virtual SteadyTime now() const = 0;
};

class SystemClock final : public Clock {
 public:
  [[nodiscard]] WallTime wall_now() const override;
  [[nodiscard]] SteadyTime now() const override;
};

}  // namespace tp
