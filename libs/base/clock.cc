#include "base/clock.h"

namespace tp {

WallTime SystemClock::wall_now() const { return std::chrono::system_clock::now(); }

SteadyTime SystemClock::now() const { return std::chrono::steady_clock::now(); }

}  // namespace tp
