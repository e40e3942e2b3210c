#include "gateway/platform/single_flight_cache.h"

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "support/catch.h"
#include "support/fake_clock.h"

namespace tp::gateway {
namespace {

using namespace std::chrono_literals;
using Cache = SingleFlightCache<std::string, int>;

struct Fixture {
  test::FakeClock clock;
  Cache cache{clock, 3};
  int calls = 0;

  Result<Cache::Got> get(const std::string& key, Result<Cache::Loaded> answer = Cache::Loaded{1, 10s}) {
    return cache.get({}, key, [&] {
      ++calls;
      return answer;
    });
  }
};

TEST_CASE_METHOD(Fixture, "cache: a value is asked for once, until it is too old") {
  CHECK(get("a")->fresh);
  CHECK_FALSE(get("a")->fresh);
  clock.advance(9'999ms);
  CHECK(get("a")->value == 1);
  CHECK(calls == 1);
  clock.advance(1ms);
  CHECK(get("a", Cache::Loaded{2, 10s})->value == 2);
  CHECK(calls == 2);
}

TEST_CASE_METHOD(Fixture, "cache: errors and values that may not be kept are not remembered") {
  CHECK(get("a", Error{ErrorCode::Unavailable, "x"}).error().code == ErrorCode::Unavailable);
  CHECK(get("a", Cache::Loaded{1, 0s})->value == 1);
  CHECK(get("a", Cache::Loaded{2, -5s})->value == 2);
  CHECK(calls == 3);
  CHECK(cache.size() == 0);
}

TEST_CASE_METHOD(Fixture, "cache: forgotten is forgotten, also when a call for it is under way") {
  REQUIRE(get("a"));
  cache.forget("a");
  REQUIRE(get("a", Cache::Loaded{2, 10s}));
  CHECK(calls == 2);
  const auto got = cache.get({}, "b", [&]() -> Result<Cache::Loaded> {
    cache.forget("b");
    return Cache::Loaded{3, 10s};
  });
  CHECK(got->value == 3);
  CHECK(get("b", Cache::Loaded{4, 10s})->value == 4);
}

TEST_CASE_METHOD(Fixture, "cache: the one not used for the longest goes when there is no more room") {
  for (const char* key : {"a", "b", "c"}) REQUIRE(get(key));
  REQUIRE(get("a"));
  REQUIRE(get("d"));
  CHECK(cache.size() == 3);
  calls = 0;
  for (const char* key : {"a", "c", "d"}) REQUIRE(get(key));
  CHECK(calls == 0);
  REQUIRE(get("b"));
  CHECK(calls == 1);
}

// Holds the first call until the test lets it go.
struct Gate {
  Mutex m;
  CondVar changed;
  bool inside TP_GUARDED_BY(m) = false;
  bool open TP_GUARDED_BY(m) = false;

  void enter(const std::stop_token& stop = {}) {
    const MutexLock lock{m};
    inside = true;
    changed.notify_all();
    changed.wait(m, stop, [this]() TP_REQUIRES(m) { return open; });
  }
  void wait_inside() {
    const MutexLock lock{m};
    changed.wait(m, {}, [this]() TP_REQUIRES(m) { return inside; });
  }
  void let_go() {
    const MutexLock lock{m};
    open = true;
    changed.notify_all();
  }
};

TEST_CASE_METHOD(Fixture, "cache: those who come together share one call and its result") {
  const bool fails = GENERATE(false, true);
  Gate gate;
  std::atomic<int> asked = 0;
  std::atomic<int> right = 0;
  {
    std::vector<std::jthread> askers;
    const auto ask = [&] {
      const auto got = cache.get({}, "a", [&]() -> Result<Cache::Loaded> {
        ++asked;
        gate.enter();
        if (fails) return Error{ErrorCode::Unavailable, "x"};
        return Cache::Loaded{7, 10s};
      });
      if (fails ? !got && got.error().code == ErrorCode::Unavailable : got && got->value == 7) ++right;
    };
    askers.emplace_back(ask);
    gate.wait_inside();
    // Whoever is late finds the value, or asks again after an error: then the count tells.
    for (int i = 0; i < 5; ++i) askers.emplace_back(ask);
    const auto other = get("b");
    CHECK(other);  // other keys do not wait
    gate.let_go();
  }
  if (!fails) CHECK(asked == 1);
  CHECK(right == 6);
}

TEST_CASE_METHOD(Fixture, "cache: who waits for another's call leaves when stopped or late") {
  Gate gate;
  std::jthread maker{[&] {
    static_cast<void>(cache.get({}, "a", [&]() -> Result<Cache::Loaded> {
      gate.enter();
      return Cache::Loaded{7, 10s};
    }));
  }};
  gate.wait_inside();
  std::stop_source stop;
  stop.request_stop();
  const auto load = []() -> Result<Cache::Loaded> { return Error{ErrorCode::Internal, "not asked"}; };
  CHECK(cache.get(Context{stop.get_token(), SteadyTime::max(), ""}, "a", load).error().code ==
        ErrorCode::Cancelled);
  CHECK(cache.get(Context{{}, clock.now() + 1ms, ""}, "a", load).error().code == ErrorCode::DeadlineExceeded);
  gate.let_go();
}

TEST_CASE_METHOD(Fixture, "cache: the call of one who was stopped is made again by one who waited") {
  Gate gate;
  std::stop_source stop;
  std::atomic<bool> cancelled = false;
  std::jthread maker{[&] {
    const auto got =
        cache.get(Context{stop.get_token(), SteadyTime::max(), ""}, "a", [&]() -> Result<Cache::Loaded> {
          gate.enter(stop.get_token());
          return Error{ErrorCode::Cancelled, "stopped"};
        });
    cancelled = !got && got.error().code == ErrorCode::Cancelled;
  }};
  gate.wait_inside();
  std::atomic<int> value = 0;
  std::jthread waiter{[&] {
    const auto got = cache.get({}, "a", [&]() -> Result<Cache::Loaded> { return Cache::Loaded{8, 10s}; });
    if (got) value = got->value;
  }};
  stop.request_stop();
  maker.join();
  waiter.join();
  CHECK(cancelled);
  CHECK(value == 8);
}

}  // namespace
}  // namespace tp::gateway
