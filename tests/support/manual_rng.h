#pragma once

#include "base/random.h"

namespace tp::test {

// Always answers the same value: set_uniform(0.5) means "no jitter" for a symmetric spread.
class ManualRng final : public Rng {
 public:
  [[nodiscard]] std::uint64_t next() override { return value_; }

  void set_uniform(double value) { value_ = static_cast<std::uint64_t>(value * 9007199254740992.0) << 11U; }

 private:
  std::uint64_t value_ = std::uint64_t{1} << 63U;  // 0.5
};

}  // namespace tp::test
