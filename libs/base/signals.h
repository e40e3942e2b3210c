#pragma once

#include <csignal>
#include <stop_token>
#include <thread>

namespace tp {

// SIGINT and SIGTERM as a stop token. Make one first thing in main: the signals are blocked in every thread
// that is started afterwards and arrive here only. SIGPIPE is ignored: a write to a closed socket is reported
// where it happens.
class Signals {
 public:
  Signals();
  ~Signals();
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

  [[nodiscard]] std::stop_token stop() const { return source_.get_token(); }

 private:
  void wait();

  sigset_t set_{};
  std::stop_source source_;
  std::jthread thread_;
};

}  // namespace tp
