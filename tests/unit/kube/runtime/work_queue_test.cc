#include "kube/runtime/work_queue.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "support/catch.h"
#include "support/fake_clock.h"

namespace tp::kube {
namespace {

using namespace std::chrono_literals;

ObjectKey key(const std::string& name) { return {"ns", name}; }

// The names of all keys that are due, in the order in which the queue gives them.
std::vector<std::string> drain(WorkQueue& queue) {
  std::vector<std::string> names;
  while (auto item = queue.try_take()) {
    names.push_back(item->key.name);
    queue.done(item->key);
  }
  return names;
}

using Names = std::vector<std::string>;

TEST_CASE("WorkQueue: first in, first out, each key once", "[queue]") {
  test::FakeClock clock;
  WorkQueue queue{clock};
  for (const char* name : {"a", "b", "a", "c", "b"}) queue.add(key(name));
  CHECK(queue.depth() == 3);
  CHECK(queue.stats().adds == 3);
  CHECK(drain(queue) == Names{"a", "b", "c"});
  CHECK(queue.depth() == 0);
}

TEST_CASE("WorkQueue: a key comes when it is due", "[queue]") {
  test::FakeClock clock;
  WorkQueue queue{clock};
  queue.add_after(key("late"), 10s);
  queue.add_after(key("soon"), 5s);
  queue.add_after(key("past"), -5s);
  CHECK(drain(queue) == Names{"past"});
  clock.advance(5s);
  const auto item = queue.try_take();
  REQUIRE(item);
  CHECK(item->key.name == "soon");
  CHECK(item->waited == 0s);
  CHECK_FALSE(queue.try_take());
  clock.advance(7s);
  const auto late = queue.try_take();
  REQUIRE(late);
  CHECK(late->waited == 2s);
}

TEST_CASE("WorkQueue: the earlier of two adds wins", "[queue]") {
  test::FakeClock clock;
  WorkQueue queue{clock};
  queue.add_after(key("a"), 10s);
  queue.add_after(key("a"), 1min);
  queue.add_after(key("b"), 1min);
  queue.add_after(key("b"), 5s);
  queue.add_after(key("c"), 1min);
  queue.add(key("c"));
  CHECK(queue.depth() == 3);
  CHECK(drain(queue) == Names{"c"});
  clock.advance(10s);
  CHECK(drain(queue) == Names{"b", "a"});
  clock.advance(2min);
  CHECK(drain(queue).empty());
}

TEST_CASE("WorkQueue: a change overtakes a resync", "[queue]") {
  test::FakeClock clock;
  WorkQueue queue{clock};
  queue.add(key("resync-1"), Priority::Low);
  queue.add(key("resync-2"), Priority::Low);
  queue.add(key("edit"));
  queue.add(key("resync-2"));  // edited too: the more urgent add wins
  const WorkQueue::Stats stats = queue.stats();
  CHECK(stats.normal == 2);
  CHECK(stats.low == 1);
  CHECK(drain(queue) == Names{"resync-2", "edit", "resync-1"});
}

TEST_CASE("WorkQueue: what is counted as waiting is due, and not running", "[queue]") {
  test::FakeClock clock;
  WorkQueue queue{clock};
  queue.add_after(key("later"), 10s);
  queue.add_after(key("resync"), 5s, Priority::Low);
  queue.add(key("running"));
  REQUIRE(queue.try_take());
  queue.add(key("running"));
  queue.add(key("edit"));
  const auto counts = [&queue] {
    const WorkQueue::Stats stats = queue.stats();
    return std::vector<std::size_t>{stats.normal, stats.low, stats.delayed};
  };
  CHECK(counts() == std::vector<std::size_t>{1, 0, 3});
  CHECK(queue.depth() == 4);
  clock.advance(5s);
  CHECK(counts() == std::vector<std::size_t>{1, 1, 2});
  clock.advance(5s);
  CHECK(counts() == std::vector<std::size_t>{2, 1, 1});
  queue.done(key("running"));
  CHECK(counts() == std::vector<std::size_t>{3, 1, 0});
  CHECK(queue.depth() == 4);
}

TEST_CASE("WorkQueue: tells which due keys have waited longest", "[queue]") {
  test::FakeClock clock;
  WorkQueue queue{clock};
  queue.add(key("resync"), Priority::Low);
  queue.add_after(key("c"), 2s);
  queue.add(key("a"));
  queue.add_after(key("b"), 1s);
  queue.add_after(key("later"), 1min);
  clock.advance(3s);
  const auto longest = [&queue](Priority priority, std::size_t most) {
    Names names;
    for (const WorkQueue::Item& item : queue.longest_waiting(priority, most)) names.push_back(item.key.name);
    return names;
  };
  CHECK(longest(Priority::Normal, 10) == Names{"a", "b", "c"});
  CHECK(longest(Priority::Normal, 2) == Names{"a", "b"});
  CHECK(longest(Priority::Low, 10) == Names{"resync"});
  CHECK(queue.longest_waiting(Priority::Normal, 1).front().waited == 3s);
}

TEST_CASE("WorkQueue: a less urgent add does not demote", "[queue]") {
  test::FakeClock clock;
  WorkQueue queue{clock};
  queue.add(key("edit"));
  queue.add(key("edit"), Priority::Low);
  const auto item = queue.try_take();
  REQUIRE(item);
  CHECK(item->priority == Priority::Normal);
}

TEST_CASE("WorkQueue: what waited for max_age is not overtaken any more", "[queue]") {
  test::FakeClock clock;
  WorkQueue queue{clock, 60s};
  queue.add(key("old-edit"));
  queue.add(key("resync"), Priority::Low);
  clock.advance(59s);
  queue.add(key("edit-1"));
  auto item = queue.try_take();
  REQUIRE(item);
  CHECK(item->key.name == "old-edit");
  item = queue.try_take();
  REQUIRE(item);
  CHECK(item->key.name == "edit-1");
  clock.advance(1s);
  queue.add(key("edit-2"));
  CHECK(drain(queue) == Names{"resync", "edit-2"});
}

TEST_CASE("WorkQueue: ageing counts from when a key is due", "[queue]") {
  test::FakeClock clock;
  WorkQueue queue{clock, 60s};
  queue.add_after(key("timer"), 1h, Priority::Low);
  clock.advance(1h);
  queue.add(key("edit"));
  CHECK(drain(queue) == Names{"edit", "timer"});
}

TEST_CASE("WorkQueue: a key never runs twice at once", "[queue]") {
  test::FakeClock clock;
  WorkQueue queue{clock};
  queue.add(key("a"));
  REQUIRE(queue.try_take());
  queue.add_after(key("a"), 10s, Priority::Low);
  queue.add(key("a"));
  CHECK(queue.depth() == 1);
  CHECK_FALSE(queue.try_take());
  queue.done(key("a"));
  const auto again = queue.try_take();
  REQUIRE(again);
  CHECK(again->priority == Priority::Normal);
  queue.done(key("a"));
  clock.advance(1min);
  CHECK_FALSE(queue.try_take());
}

TEST_CASE("WorkQueue: a key that is added with a delay while it runs keeps the delay", "[queue]") {
  test::FakeClock clock;
  WorkQueue queue{clock};
  queue.add(key("a"));
  REQUIRE(queue.try_take());
  queue.add_after(key("a"), 10s);
  queue.done(key("a"));
  CHECK_FALSE(queue.try_take());
  clock.advance(10s);
  CHECK(drain(queue) == Names{"a"});
}

TEST_CASE("WorkQueue: an absurd delay does not overflow", "[queue]") {
  test::FakeClock clock;
  WorkQueue queue{clock};
  queue.add_after(key("a"), std::chrono::milliseconds::max());
  CHECK_FALSE(queue.try_take());
  CHECK(queue.depth() == 1);
}

TEST_CASE("WorkQueue: stop ends a wait, and nothing is taken after it", "[queue]") {
  const SystemClock clock;
  WorkQueue queue{clock};
  std::atomic<bool> got{true};
  std::jthread waiter{[&](std::stop_token stop) { got = queue.take(std::move(stop)).has_value(); }};
  waiter.request_stop();
  waiter.join();
  CHECK_FALSE(got);

  queue.add(key("a"));
  std::stop_source stopped;
  stopped.request_stop();
  CHECK_FALSE(queue.take(stopped.get_token()));
  CHECK(queue.depth() == 1);
}

// Keys that ask for their next run while they run, now or a little later, until each has had its rounds.
class Carousel {
 public:
  static constexpr int kKeys = 50;
  static constexpr int kRounds = 40;

  explicit Carousel(WorkQueue& queue) : queue_(queue) {}

  void work() {
    while (const auto item = queue_.take(all_done_.get_token())) {
      ride(*item);
      queue_.done(item->key);
      if (left_.fetch_sub(1) == 1) all_done_.request_stop();
    }
  }

  [[nodiscard]] bool overlapped() const { return overlapped_; }

  [[nodiscard]] bool complete() const {
    return std::all_of(runs_.begin(), runs_.end(), [](const auto& count) { return count == kRounds; });
  }

 private:
  void ride(const WorkQueue::Item& item) {
    const auto i = static_cast<std::size_t>(std::stoi(item.key.name));
    if (running_.at(i).fetch_add(1) != 0) overlapped_ = true;
    if (runs_.at(i).fetch_add(1) + 1 < kRounds) {
      queue_.add_after(item.key, i % 2 == 0 ? 0ms : 1ms, i % 3 == 0 ? Priority::Low : Priority::Normal);
    }
    running_.at(i).fetch_sub(1);
  }

  WorkQueue& queue_;
  std::array<std::atomic<int>, kKeys> running_{};
  std::array<std::atomic<int>, kKeys> runs_{};
  std::atomic<bool> overlapped_{false};
  std::atomic<int> left_{kKeys * kRounds};
  std::stop_source all_done_;
};

TEST_CASE("WorkQueue: many workers take every key, none twice at once", "[queue]") {
  const SystemClock clock;
  WorkQueue queue{clock};
  Carousel carousel{queue};
  {
    std::array<std::jthread, 4> workers;
    for (std::jthread& worker : workers) worker = std::jthread{[&] { carousel.work(); }};
    for (int i = 0; i < Carousel::kKeys; ++i) queue.add(key(std::to_string(i)));
  }
  CHECK_FALSE(carousel.overlapped());
  CHECK(carousel.complete());
  CHECK(queue.depth() == 0);
}

}  // namespace
}  // namespace tp::kube
