#include "gateway/platform/chores.h"

#include <utility>

#include "base/thread_name.h"

namespace tp::gateway {

Chores::Chores(std::string name, std::chrono::milliseconds deadline, std::size_t most, const Clock& clock)
    : name_(std::move(name)),
      deadline_(deadline),
      most_(most),
      clock_(clock),
      thread_([this](const std::stop_token& stop) { run(stop); }) {}

Chores::~Chores() = default;

bool Chores::add(Chore chore) {
  {
    const MutexLock lock{m_};
    if (chores_.size() >= most_) return false;
    chores_.push_back(std::move(chore));
  }
  changed_.notify_one();
  return true;
}

void Chores::run(const std::stop_token& stop) {
  set_thread_name(name_);
  while (true) {
    Chore chore;
    {
      const MutexLock lock{m_};
      if (!changed_.wait(m_, stop, [this]() TP_REQUIRES(m_) { return !chores_.empty(); })) return;
      chore = std::move(chores_.front());
      chores_.pop_front();
    }
    chore(Context{stop, SteadyTime::max(), {}}.child(clock_, deadline_));
  }
}

}  // namespace tp::gateway
