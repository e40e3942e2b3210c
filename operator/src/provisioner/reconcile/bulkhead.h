#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <unordered_set>
#include <utility>

#include "base/mutex.h"
#include "kube/core/resource.h"

namespace tp::provisioner {

// Keeps work that waits for somebody else's service from taking every worker: at most `places` teams are
// inside at once. Who finds it full goes on with other work and is called when a place is kept for it; first
// come, first served. Thread-safe.
class Bulkhead {
 public:
  // `wake` is called with a key that a place is kept for from now on, on the thread of the one who left. That
  // key must be looked at: its look ends with forgo(), or the place would be kept for ever.
  Bulkhead(std::size_t places, std::function<void(const kube::ObjectKey&)> wake)
      : places_(places), free_(places), wake_(std::move(wake)) {}

  // A place inside, given back by its destruction.
  struct Leave {
    void operator()(Bulkhead* bulkhead) const { bulkhead->leave(); }
  };
  using Place = std::unique_ptr<Bulkhead, Leave>;

  // Null when it is full: `key` then waits, and wake() will be called for it once.
  [[nodiscard]] Place enter(const kube::ObjectKey& key) TP_EXCLUDES(m_) {
    const MutexLock lock{m_};
    if (kept_.erase(key) > 0) return Place{this};
    if (free_ == 0) {
      if (waiting_.insert(key).second) order_.push_back(key);
      return nullptr;
    }
    --free_;
    return Place{this};
  }

  // The place that is kept for `key`, if any, goes to the next. At the end of every look at it.
  void forgo(const kube::ObjectKey& key) TP_EXCLUDES(m_) {
    bool kept = false;
    {
      const MutexLock lock{m_};
      kept = kept_.erase(key) > 0;
    }
    if (kept) leave();
  }

  struct Usage {
    std::size_t places = 0, taken = 0, waiting = 0;  // a place that is kept for somebody is taken

    friend bool operator==(const Usage&, const Usage&) = default;
  };
  [[nodiscard]] Usage usage() const TP_EXCLUDES(m_) {
    const MutexLock lock{m_};
    return {places_, places_ - free_, order_.size()};
  }

 private:
  void leave() TP_EXCLUDES(m_) {
    kube::ObjectKey next;
    {
      const MutexLock lock{m_};
      if (order_.empty()) {
        ++free_;
        return;
      }
      next = std::move(order_.front());
      order_.pop_front();
      waiting_.erase(next);
      kept_.insert(next);
    }
    wake_(next);
  }

  const std::size_t places_;

  mutable Mutex m_;
  std::size_t free_ TP_GUARDED_BY(m_);
  std::deque<kube::ObjectKey> order_ TP_GUARDED_BY(m_);
  std::unordered_set<kube::ObjectKey> waiting_ TP_GUARDED_BY(m_);  // as in order_
  std::unordered_set<kube::ObjectKey> kept_ TP_GUARDED_BY(m_);
  const std::function<void(const kube::ObjectKey&)> wake_;
};

}  // namespace tp::provisioner
