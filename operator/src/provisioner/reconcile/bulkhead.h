#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <unordered_set>
#include <utility>

#include "base/mutex.h"
#include "kube/core/resource.h"

namespace tp::provisioner {

// Keeps work that waits for somebody else's service from taking every worker: at most `places` teams are
// inside at once. Who finds it full goes on with other work and is called when its turn comes; first come,
// first served. Thread-safe.
class Bulkhead {
 public:
  // `wake` is called with a key whose place is free now; on the thread of the one who left.
  Bulkhead(std::size_t places, std::function<void(const kube::ObjectKey&)> wake)
      : free_(places), wake_(std::move(wake)) {}

  // A place inside, given back by its destruction.
  struct Leave {
    void operator()(Bulkhead* bulkhead) const { bulkhead->leave(); }
  };
  using Place = std::unique_ptr<Bulkhead, Leave>;

  // Null when it is full: `key` then waits, and wake() will be called for it once.
  [[nodiscard]] Place enter(const kube::ObjectKey& key) TP_EXCLUDES(m_) {
    const MutexLock lock{m_};
    if (free_ == 0) {
      if (waiting_.insert(key).second) order_.push_back(key);
      return nullptr;
    }
    --free_;
    return Place{this};
  }

 private:
  void leave() TP_EXCLUDES(m_) {
    std::optional<kube::ObjectKey> next;
    {
      const MutexLock lock{m_};
      ++free_;
      if (!order_.empty()) {
        next = std::move(order_.front());
        order_.pop_front();
        waiting_.erase(*next);
      }
    }
    if (next) wake_(*next);
  }

  Mutex m_;
  std::size_t free_ TP_GUARDED_BY(m_);
  std::deque<kube::ObjectKey> order_ TP_GUARDED_BY(m_);
  std::unordered_set<kube::ObjectKey> waiting_ TP_GUARDED_BY(m_);
  const std::function<void(const kube::ObjectKey&)> wake_;
};

}  // namespace tp::provisioner
