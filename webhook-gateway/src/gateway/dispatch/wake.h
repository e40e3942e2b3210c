#pragma once

#include <chrono>
#include <cstdint>
#include <stop_token>
#include <utility>

#include "base/mutex.h"

namespace tp::gateway {

// Ends the pauses of threads that poll, when there is reason to look at once. Thread-safe.
class Wake {
 public:
  // What a thread has heard of so far. A call that comes while it works ends its next pause at once.
  using Heard = std::uint64_t;

  void operator()() TP_EXCLUDES(m_) {
    {
      const MutexLock lock{m_};
      ++calls_;
    }
    changed_.notify_all();
  }

  // Returns after `time`, a call that was not heard of yet, or a stop request.
  void pause(std::stop_token stop, std::chrono::milliseconds time, Heard& heard) TP_EXCLUDES(m_) {
    const MutexLock lock{m_};
    static_cast<void>(
        changed_.wait_for(m_, std::move(stop), time, [&]() TP_REQUIRES(m_) { return calls_ != heard; }));
    heard = calls_;
  }

  // For a thread that nobody calls.
  void pause(std::stop_token stop, std::chrono::milliseconds time) TP_EXCLUDES(m_) {
    Heard heard = 0;
    pause(std::move(stop), time, heard);
  }

 private:
  Mutex m_;
  CondVar changed_;
  Heard calls_ TP_GUARDED_BY(m_) = 0;
};

}  // namespace tp::gateway
