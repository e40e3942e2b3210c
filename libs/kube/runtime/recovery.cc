#include "kube/runtime/recovery.h"

#include <algorithm>

namespace tp::kube {

void Recovery::succeeded() {
  {
    const MutexLock lock{m_};
    if (!away_) return;
    away_ = false;
    ++returns_;
  }
  changed_.notify_all();
}

void Recovery::failed() {
  {
    const MutexLock lock{m_};
    if (away_) return;
    away_ = true;
    ++outages_;
    next_turn_ = clock_.now() + turn_;
  }
  changed_.notify_all();
}

std::uint64_t Recovery::returns() const {
  const MutexLock lock{m_};
  return returns_;
}

std::uint64_t Recovery::history() const {
  const MutexLock lock{m_};
  return history_;
}

void Recovery::history_went_back(std::uint64_t known) {
  const MutexLock lock{m_};
  if (history_ == known) ++history_;
}

void Recovery::pause(const std::stop_token& stop,
                     std::chrono::milliseconds at_least,
                     std::chrono::milliseconds at_most) {
  const MutexLock lock{m_};
  const SteadyTime end = clock_.now() + at_most;
  const std::uint64_t returns_before = returns_;
  changed_.wait_for(m_, stop, at_least, [] { return false; });
  while (!stop.stop_requested() && returns_ == returns_before) {
    const SteadyTime now = clock_.now();
    if (now >= end) return;
    if (away_ && now >= next_turn_) {
      next_turn_ = now + turn_;
      return;
    }
    const SteadyTime until = away_ ? std::min(end, next_turn_) : end;
    const std::uint64_t outages_before = outages_;
    changed_.wait_for(m_, stop, until - now, [this, returns_before, outages_before]() TP_REQUIRES(m_) {
      return returns_ != returns_before || outages_ != outages_before;
    });
  }
}

}  // namespace tp::kube
