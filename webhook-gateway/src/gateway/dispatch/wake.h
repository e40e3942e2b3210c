#pragma once

#include <chrono>
#include <stop_token>
#include <utility>

#include "base/mutex.h"

namespace tp::gateway {

// Ends the pause of a thread that polls, when there is reason to look at once. A call during nobody's pause
// is remembered for the next one. Thread-safe.
class Wake {
 public:
  void operator()() TP_EXCLUDES(m_) {
    {
      const MutexLock lock{m_};
      called_ = true;
    }
    changed_.notify_all();
  }

  // Returns after `time`, a call, or a stop request.
  void pause(std::stop_token stop, std::chrono::milliseconds time) TP_EXCLUDES(m_) {
    const MutexLock lock{m_};
    static_cast<void>(
        changed_.wait_for(m_, std::move(stop), time, [this]() TP_REQUIRES(m_) { return called_; }));
    called_ = false;
  }

 private:
  Mutex m_;
  CondVar changed_;
  bool called_ TP_GUARDED_BY(m_) = false;
};

}  // namespace tp::gateway
