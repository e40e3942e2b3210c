#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "base/clock.h"
#include "kube/core/resource.h"

namespace tp::kube {

enum class Priority : std::uint8_t { Low, Normal };  // Low: initial listing and resync; Normal: a change

// The keys that wait to be reconciled. Thread-safe.
// De-duplicates; never hands one key to two workers at once (a key that is added while it runs waits for its turn); an
// add that is due sooner or more urgent wins. Two classes with ageing: Normal before Low, but nothing that is due waits longer
// than `max_age` behind others.
class WorkQueue {
 public:
  explicit WorkQueue(const Clock& clock, std::chrono::milliseconds max_age = std::chrono::seconds{60});
  ~WorkQueue();
  WorkQueue(const WorkQueue&) = delete;
  WorkQueue& operator=(const WorkQueue&) = delete;

  void add(const ObjectKey& key, Priority priority = Priority::Normal) { add_after(key, std::chrono::milliseconds{0}, priority); }
  void add_after(const ObjectKey& key, std::chrono::milliseconds delay, Priority priority = Priority::Normal);

  struct Item {
    ObjectKey key;
    Priority priority = Priority::Normal;
    std::chrono::nanoseconds waited{0};  // since it was due
  };
  // The next due key, or nothing once `stop` is requested. The caller must call done() for it.
  [[nodiscard]] std::optional<Item> take(std::stop_token stop);
  void done(const ObjectKey& key);

  [[nodiscard]] std::size_t depth() const;  // due or delayed, not counting keys that run

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tp::kube
