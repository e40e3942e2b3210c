#pragma once

#include <chrono>
#include <cstddef>
#include <deque>
#include <functional>
#include <string>
#include <thread>

#include "base/clock.h"
#include "base/context.h"
#include "base/mutex.h"

namespace tp::gateway {

// A thread that does what others must not wait for, one thing after the other. What waits when it is
// destroyed is not done. Thread-safe.
class Chores {
 public:
  using Chore = std::function<void(const Context&)>;

  // `name` is the thread's, at most 15 characters; each chore gets a Context with that deadline. No more than
  // `most` wait. `clock` must outlive this object.
  Chores(std::string name, std::chrono::milliseconds deadline, std::size_t most, const Clock& clock);
  ~Chores();
  Chores(const Chores&) = delete;
  Chores& operator=(const Chores&) = delete;

  // Never blocks. False when too many wait: this one will not be done. It must not throw.
  [[nodiscard]] bool add(Chore chore) TP_EXCLUDES(m_);

 private:
  void run(const std::stop_token& stop);

  const std::string name_;
  const std::chrono::milliseconds deadline_;
  const std::size_t most_;
  const Clock& clock_;
  Mutex m_;
  CondVar changed_;
  std::deque<Chore> chores_ TP_GUARDED_BY(m_);
  std::jthread thread_;  // last
};

}  // namespace tp::gateway
