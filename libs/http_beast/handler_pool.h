#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <stop_token>
#include <thread>
#include <vector>

#include "base/mutex.h"

namespace tp::http {

// A fixed number of threads that run jobs in the order given. The queue needs no bound of its own: each
// connection has at most one job in it, and connections are bounded. Thread-safe. Private to libs/http_beast.
class HandlerPool {
 public:
  explicit HandlerPool(std::size_t threads);
  // Waits for jobs that run; drops those that wait.
  ~HandlerPool();
  HandlerPool(const HandlerPool&) = delete;
  HandlerPool& operator=(const HandlerPool&) = delete;

  // `job` must not throw.
  void submit(std::function<void()> job);

 private:
  void run(const std::stop_token& stop);

  Mutex m_;
  CondVar changed_;
  std::deque<std::function<void()>> jobs_ TP_GUARDED_BY(m_);
  std::vector<std::jthread> threads_;  // last: joined before anything above goes
};

}  // namespace tp::http
