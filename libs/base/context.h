#pragma once

#include <algorithm>
#include <chrono>
#include <stop_token>
#include <string>
#include <utility>

#include "base/clock.h"
#include "base/trace.h"

namespace tp {

// What every call that can block receives first: when to give up, who may interrupt it, and the ids that its
// log lines and outgoing requests carry. A value; copying is cheap.
struct Context {
  std::stop_token stop{};
  SteadyTime deadline = SteadyTime::max();
  std::string id{};  // reconcile id or event id; may be empty
  TraceId trace{};   // may be none

  // The same context with at most `timeout` from now: an inner call can never outlive the outer one.
  [[nodiscard]] Context child(const Clock& clock, std::chrono::milliseconds timeout) const {
    return Context{stop, std::min(deadline, clock.now() + timeout), id, trace};
  }

  // Time left; zero when the deadline has passed, milliseconds::max() when there is none.
  [[nodiscard]] std::chrono::milliseconds remaining(const Clock& clock) const {
    using std::chrono::milliseconds;
    if (deadline == SteadyTime::max()) return milliseconds::max();
    return std::max(milliseconds{0}, std::chrono::ceil<milliseconds>(deadline - clock.now()));
  }
};

}  // namespace tp
