#include "base/random.h"

#include <random>

namespace tp {

std::uint64_t SystemRng::next() {
  thread_local std::mt19937_64 engine{(std::uint64_t{std::random_device{}()} << 32U) |
                                      std::random_device{}()};
  return engine();
}

}  // namespace tp
