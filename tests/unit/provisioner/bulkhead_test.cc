#include "provisioner/reconcile/bulkhead.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "support/catch.h"

namespace tp::provisioner {
namespace {

using kube::ObjectKey;
using Strings = std::vector<std::string>;

ObjectKey key(const std::string& name) { return {"incidentfox", name}; }

struct Fixture {
  Strings woken;
  Bulkhead bulkhead{2, [this](const ObjectKey& called) { woken.push_back(called.name); }};
};

TEST_CASE("bulkhead: tells how full it is; a place that is kept is taken", "[bulkhead]") {
  using Usage = Bulkhead::Usage;
  Fixture f;
  CHECK(f.bulkhead.usage() == Usage{2, 0, 0});
  Bulkhead::Place a = f.bulkhead.enter(key("a"));
  const Bulkhead::Place b = f.bulkhead.enter(key("b"));
  CHECK_FALSE(f.bulkhead.enter(key("c")));
  CHECK(f.bulkhead.usage() == Usage{2, 2, 1});
  a.reset();
  CHECK(f.bulkhead.usage() == Usage{2, 2, 0});
  f.bulkhead.forgo(key("c"));
  CHECK(f.bulkhead.usage() == Usage{2, 1, 0});
}

TEST_CASE("bulkhead: as many as there are places, and whoever leaves makes room", "[bulkhead]") {
  Fixture f;
  Bulkhead::Place a = f.bulkhead.enter(key("a"));
  Bulkhead::Place b = f.bulkhead.enter(key("b"));
  CHECK(a);
  CHECK(b);
  a.reset();
  CHECK(f.woken.empty());  // nobody waits
  CHECK(f.bulkhead.enter(key("c")));
  CHECK(f.bulkhead.enter(key("d")));  // c has left again
}

TEST_CASE("bulkhead: first come, first served, each called once", "[bulkhead]") {
  Fixture f;
  Bulkhead::Place a = f.bulkhead.enter(key("a"));
  Bulkhead::Place b = f.bulkhead.enter(key("b"));
  for (const char* late : {"c", "d", "c", "e"}) CHECK_FALSE(f.bulkhead.enter(key(late)));
  a.reset();
  b.reset();
  CHECK(f.woken == Strings{"c", "d"});
  // Nobody slips in between the call and its answer.
  CHECK_FALSE(f.bulkhead.enter(key("x")));
  Bulkhead::Place d = f.bulkhead.enter(key("d"));
  Bulkhead::Place c = f.bulkhead.enter(key("c"));
  CHECK(c);
  CHECK(d);
  c.reset();
  d.reset();
  CHECK(f.woken == Strings{"c", "d", "e", "x"});
}

TEST_CASE("bulkhead: a kept place that is not taken goes to the next", "[bulkhead]") {
  Fixture f;
  Bulkhead::Place a = f.bulkhead.enter(key("a"));
  Bulkhead::Place b = f.bulkhead.enter(key("b"));
  CHECK_FALSE(f.bulkhead.enter(key("c")));
  CHECK_FALSE(f.bulkhead.enter(key("d")));
  f.bulkhead.forgo(key("c"));  // it waits: there is nothing to give back, and it stays in the line
  CHECK(f.woken.empty());
  a.reset();
  CHECK(f.woken == Strings{"c"});
  f.bulkhead.forgo(key("c"));
  f.bulkhead.forgo(key("c"));
  CHECK(f.woken == Strings{"c", "d"});
  f.bulkhead.forgo(key("d"));  // nobody is left: the place is free
  CHECK(f.bulkhead.enter(key("e")));
  b.reset();
  Bulkhead::Place c = f.bulkhead.enter(key("c"));
  Bulkhead::Place d = f.bulkhead.enter(key("d"));
  CHECK(c);
  CHECK(d);
  CHECK_FALSE(f.bulkhead.enter(key("e")));
}

TEST_CASE("bulkhead: forgo gives back no place that was taken", "[bulkhead]") {
  Fixture f;
  Bulkhead::Place a = f.bulkhead.enter(key("a"));
  Bulkhead::Place b = f.bulkhead.enter(key("b"));
  CHECK_FALSE(f.bulkhead.enter(key("c")));
  b.reset();
  Bulkhead::Place c = f.bulkhead.enter(key("c"));
  f.bulkhead.forgo(key("c"));
  CHECK_FALSE(f.bulkhead.enter(key("d")));
}

// A queue's view of its keys, step by step: each is looked at by one worker at a time, is looked at again
// when it was called meanwhile, and some looks end without a need for a place.
class Looks {
 public:
  Looks(std::uint32_t seed, std::size_t places)
      : random_(seed),
        places_(places),
        bulkhead_(places, [this](const ObjectKey& called) { keys_.at(called).queued = true; }) {
    for (const char* name : {"a", "b", "c", "d", "e"}) keys_[key(name)] = {1 + below(3), true, {}, {}};
  }

  // Until nothing can be done any more. Whether every key has been inside as often as it wanted to.
  bool play() {
    while (step()) {
      std::size_t inside = 0;
      for (const auto& [name, look] : keys_) inside += look.place ? 1U : 0U;
      if (inside > places_) return false;
    }
    return std::all_of(keys_.begin(), keys_.end(),
                       [](const auto& entry) { return entry.second.visits == 0; });
  }

 private:
  struct Look {
    std::uint32_t visits = 0;  // still to be made
    bool queued = false;
    bool looking = false;
    Bulkhead::Place place{};
  };

  bool step() {
    std::vector<ObjectKey> ready;
    for (const auto& [name, look] : keys_) {
      if (look.looking || look.queued) ready.push_back(name);
    }
    if (ready.empty()) return false;
    const ObjectKey& chosen = ready.at(below(static_cast<std::uint32_t>(ready.size())));
    Look& look = keys_.at(chosen);
    if (!look.looking) {
      look.queued = false;
      look.looking = true;
      if (look.visits > 0) look.place = bulkhead_.enter(chosen);
      if (look.place) --look.visits;
    } else if (look.place) {
      look.place.reset();
      // Some come again by themselves, others only when the world changes: here, at once.
      look.queued = true;
    } else {
      look.looking = false;
      bulkhead_.forgo(chosen);
    }
    return true;
  }

  std::uint32_t below(std::uint32_t n) { return static_cast<std::uint32_t>(random_() % n); }

  std::mt19937 random_;
  const std::size_t places_;
  std::map<ObjectKey, Look> keys_;
  Bulkhead bulkhead_;
};

TEST_CASE("bulkhead: in any order of events who waits is called while others leave", "[bulkhead]") {
  for (std::uint32_t seed = 0; seed < 3'000; ++seed) {
    if (Looks{seed, 1 + seed % 3}.play()) continue;
    FAIL_CHECK("seed " << seed);
    break;
  }
}

// Each thread's own key, and whether it was called.
struct Caller {
  Mutex m;
  CondVar changed;
  bool called TP_GUARDED_BY(m) = false;

  void call() {
    {
      const MutexLock lock{m};
      called = true;
    }
    changed.notify_all();
  }
  // False after half a minute: only a call that was lost takes so long.
  [[nodiscard]] bool wait() {
    const MutexLock lock{m};
    const bool came =
        changed.wait_for(m, {}, std::chrono::seconds{30}, [this]() TP_REQUIRES(m) { return called; });
    called = false;
    return came;
  }
};

TEST_CASE("bulkhead: threads that wait for each other all come through", "[bulkhead]") {
  constexpr std::size_t kPlaces = 2;
  constexpr std::size_t kThreads = 8;
  constexpr int kVisits = 100;
  std::array<Caller, kThreads> callers;
  Bulkhead bulkhead{kPlaces, [&](const ObjectKey& called) { callers.at(std::stoul(called.name)).call(); }};
  std::atomic<std::size_t> inside{0};
  std::atomic<bool> crowded{false};
  std::atomic<int> visits{0};

  const auto visit = [&](std::size_t self) {
    const ObjectKey mine = key(std::to_string(self));
    for (int done = 0; done < kVisits;) {
      {
        const Bulkhead::Place place = bulkhead.enter(mine);
        if (place) {
          if (inside.fetch_add(1) >= kPlaces) crowded = true;
          std::this_thread::yield();
          inside.fetch_sub(1);
          ++visits;
          ++done;
          continue;
        }
      }
      bulkhead.forgo(mine);
      if (!callers.at(self).wait()) return;
    }
  };
  {
    std::vector<std::jthread> threads;
    for (std::size_t i = 0; i < kThreads; ++i) threads.emplace_back(visit, i);
  }
  CHECK(visits == kVisits * static_cast<int>(kThreads));
  CHECK_FALSE(crowded);
}

}  // namespace
}  // namespace tp::provisioner
