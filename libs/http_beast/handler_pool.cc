#include "http_beast/handler_pool.h"

#include <utility>

#include <pthread.h>

namespace tp::http {

HandlerPool::HandlerPool(std::size_t threads) {
  threads_.reserve(threads);
  for (std::size_t i = 0; i < threads; ++i)
    threads_.emplace_back([this](const std::stop_token& stop) { run(stop); });
}

HandlerPool::~HandlerPool() {
  for (auto& thread : threads_) thread.request_stop();  // all at once; then each is joined
}

void HandlerPool::submit(std::function<void()> job) {
  {
    const MutexLock lock{m_};
    jobs_.push_back(std::move(job));
  }
  changed_.notify_one();
}

void HandlerPool::run(const std::stop_token& stop) {
  ::pthread_setname_np(::pthread_self(), "http-handler");
  while (true) {
    std::function<void()> job;
    {
      const MutexLock lock{m_};
      const bool ready = changed_.wait(m_, stop, [this]() TP_REQUIRES(m_) { return !jobs_.empty(); });
      if (!ready || stop.stop_requested()) return;
      job = std::move(jobs_.front());
      jobs_.pop_front();
    }
    job();
  }
}

}  // namespace tp::http
