#pragma once

#include <chrono>
#include <functional>
#include <stop_token>
#include <thread>
#include <utility>

#include "base/mutex.h"

namespace tp::provisioner {

// Acts, on a thread of its own, when it has lived for a time: for what has to be over by then.
class Deadman {
 public:
  Deadman(std::chrono::milliseconds time, std::function<void()> act)
      : thread_([time, act = std::move(act)](const std::stop_token& stop) {
          Mutex m;
          CondVar never;
          const MutexLock lock{m};
          never.wait_for(m, stop, time, [] { return false; });
          if (!stop.stop_requested()) act();
        }) {}

 private:
  std::jthread thread_;
};

}  // namespace tp::provisioner
