#include "kube/runtime/recovery.h"

#include <atomic>
#include <stop_token>
#include <thread>
#include <vector>

#include "support/catch.h"
#include "support/fake_clock.h"

namespace tp::kube {
namespace {

using namespace std::chrono_literals;

// A pause that would outlast the test's time limit if nothing cut it short.
constexpr auto kForever = 1h;

TEST_CASE("Recovery: a pause ends by itself", "[recovery]") {
  const SystemClock clock;
  Recovery recovery{clock};
  recovery.pause({}, 1ms, 1ms);
  recovery.pause({}, 0ms, 2ms);
}

TEST_CASE("Recovery: stop ends a pause, even its least part", "[recovery]") {
  const SystemClock clock;
  Recovery recovery{clock};
  std::jthread waiter{[&](const std::stop_token& stop) { recovery.pause(stop, kForever, kForever); }};
  waiter.request_stop();
  waiter.join();
}

TEST_CASE("Recovery: the server's return ends everyone's pause", "[recovery]") {
  const SystemClock clock;
  Recovery recovery{clock, kForever};
  recovery.failed();
  std::atomic<int> over{0};
  {
    std::vector<std::jthread> waiters;
    waiters.reserve(3);
    for (int i = 0; i < 3; ++i) {
      waiters.emplace_back([&] {
        recovery.pause({}, 0ms, kForever);
        ++over;
      });
    }
    // Outages and returns until all have noticed one that came after they began to wait.
    while (over < 3) {
      recovery.failed();
      recovery.succeeded();
      std::this_thread::yield();
    }
  }
  CHECK(over == 3);
}

TEST_CASE("Recovery: while the server is away, the waiting ones take turns", "[recovery]") {
  const SystemClock clock;
  Recovery recovery{clock, 1ms};
  recovery.failed();
  recovery.pause({}, 0ms, kForever);  // the only one that waits: every turn is its own
  recovery.pause({}, 0ms, kForever);
}

TEST_CASE("Recovery: one turn is for one", "[recovery]") {
  test::FakeClock clock;  // never moves by itself: no second turn comes
  Recovery recovery{clock, 1min};
  recovery.failed();
  clock.advance(1min);
  recovery.pause({}, 0ms, kForever);
  std::stop_source stop;
  std::atomic<bool> over{false};
  std::jthread second{[&] {
    recovery.pause(stop.get_token(), 0ms, kForever);
    over = true;
  }};
  CHECK_FALSE(over);
  stop.request_stop();
}

TEST_CASE("Recovery: a history that went back counts once, however many find it") {
  const test::FakeClock clock;
  Recovery recovery{clock};
  const auto known = recovery.history();
  recovery.history_went_back(known);
  recovery.history_went_back(known);
  CHECK(recovery.history() == known + 1);
  recovery.history_went_back(known + 1);
  CHECK(recovery.history() == known + 2);
}

}  // namespace
}  // namespace tp::kube
