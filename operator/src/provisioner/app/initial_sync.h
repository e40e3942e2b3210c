#pragma once

#include <cstddef>
#include <stop_token>

#include "base/mutex.h"

namespace tp::provisioner {

// Counts down until every cache holds a first listing: before that, what is missing in a cache may well be in
// the cluster. Thread-safe.
class InitialSync {
 public:
  // Before any cache can be complete.
  void expect(std::size_t caches) TP_EXCLUDES(m_) {
    const MutexLock lock{m_};
    missing_ = caches;
  }

  void one_complete() TP_EXCLUDES(m_) {
    {
      const MutexLock lock{m_};
      --missing_;
    }
    changed_.notify_all();
  }

  [[nodiscard]] bool complete() const TP_EXCLUDES(m_) {
    const MutexLock lock{m_};
    return missing_ == 0;
  }

  // False when `stop` came first.
  bool wait(const std::stop_token& stop) TP_EXCLUDES(m_) {
    const MutexLock lock{m_};
    return changed_.wait(m_, stop, [this]() TP_REQUIRES(m_) { return missing_ == 0; });
  }

 private:
  mutable Mutex m_;
  CondVar changed_;
  std::size_t missing_ TP_GUARDED_BY(m_) = 1;  // not complete before anything is expected
};

}  // namespace tp::provisioner
