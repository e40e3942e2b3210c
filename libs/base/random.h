#pragma once

#include <cstdint>
#include <limits>

namespace tp {

// Source of randomness for jitter and ids; injected so that tests are repeatable. Implementations are
// thread-safe. Not for secrets.
class Rng {
 public:
  Rng() = default;
  Rng(const Rng&) = delete;
  Rng& operator=(const Rng&) = delete;
  virtual ~Rng() = default;

  [[nodiscard]] virtual std::uint64_t next() = 0;

  // Uniform in [0, 1).
  [[nodiscard]] double uniform() {
    constexpr double kScale = 1.0 / 9007199254740992.0;  // 2^-53: a double has 53 bits of mantissa
    return static_cast<double>(next() >> 11U) * kScale;
  }
};

// Seeded once from std::random_device, one generator a thread.
class SystemRng final : public Rng {
 public:
  [[nodiscard]] std::uint64_t next() override;
};

}  // namespace tp
