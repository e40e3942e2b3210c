#include "base/signals.h"

#include <pthread.h>

namespace tp {

Signals::Signals() {
  sigemptyset(&set_);
  for (const int signal : {SIGINT, SIGTERM, SIGUSR1}) sigaddset(&set_, signal);
  pthread_sigmask(SIG_BLOCK, &set_, nullptr);
  std::signal(SIGPIPE, SIG_IGN);  // NOLINT(cert-err33-c): cannot fail for this signal
  thread_ = std::jthread{[this](const std::stop_token& /*never requested*/) { wait(); }};
}

// SIGUSR1 wakes the thread so that it can be joined.
Signals::~Signals() {
  pthread_kill(thread_.native_handle(), SIGUSR1);
  thread_.join();
}

void Signals::wait() {
  for (int signal = 0; signal != SIGUSR1;) {
    sigwait(&set_, &signal);
    if (signal != SIGUSR1) source_.request_stop();
  }
}

}  // namespace tp
