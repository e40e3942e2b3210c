#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/clock.h"
#include "kube/core/resource.h"

namespace tp::kube {

enum class Priority : std::uint8_t { Low, Normal };  // Low: initial listing and resync; Normal: a change

// The keys that wait to be reconciled. Thread-safe.
// De-duplicates; never hands one key to two workers at once (a key that is added while it runs waits for its
// turn); an add that is due sooner or more urgent wins. Two classes with ageing: Normal before Low, but what
// has been due for `max_age` is no longer overtaken by what became due after it. (An ageing of 60 s keeps a
// resync of everything behind the edits of people without starving it.)
class WorkQueue {
 public:
  explicit WorkQueue(const Clock& clock, std::chrono::milliseconds max_age = std::chrono::seconds{60});
  ~WorkQueue();
  WorkQueue(const WorkQueue&) = delete;
  WorkQueue& operator=(const WorkQueue&) = delete;

  void add(const ObjectKey& key, Priority priority = Priority::Normal) {
    add_after(key, std::chrono::milliseconds{0}, priority);
  }
  // A negative delay is none; one of more than a year is a year.
  void add_after(const ObjectKey& key, std::chrono::milliseconds delay, Priority priority = Priority::Normal);

  struct Item {
    ObjectKey key;
    Priority priority = Priority::Normal;
    std::chrono::nanoseconds waited{0};  // since it was due
  };
  // The next due key, or nothing once `stop` is requested. The caller must call done() for it.
  [[nodiscard]] std::optional<Item> take(std::stop_token stop);
  // The same without waiting: nothing when no key is due.
  [[nodiscard]] std::optional<Item> try_take();
  void done(const ObjectKey& key);

  [[nodiscard]] std::size_t depth() const;  // due or delayed, not counting keys that run

  struct Stats {
    std::size_t normal = 0, low = 0;  // due, by class
    std::size_t delayed = 0;          // wait for their time, or for the end of their own run
    std::uint64_t adds = 0;           // that were not merged into a waiting one
  };
  [[nodiscard]] Stats stats() const;
  // The due keys of one class that have waited longest, that one first; for people who look for what hangs.
  [[nodiscard]] std::vector<Item> longest_waiting(Priority priority, std::size_t most) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tp::kube
