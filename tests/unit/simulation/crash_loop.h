#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "support/catch.h"
#include "world.h"

namespace tp::test {

// What is tried with a crash before and after every call that it takes.
struct Scenario {
  std::string name{};
  bool platform = false;
  std::function<void(World&)> prepare = [](World& /*world*/) {};  // runs until nothing is left to do
  std::function<void(World&)> act;
  // What must hold in the end besides what is equal in every run.
  std::function<void(World&)> check = [](World& /*world*/) {};
  // Every kind of watches at every call; otherwise they take turns.
  bool thorough = false;
};

// The calls since `begin`, for the messages of a failed check.
inline std::string describe(const World& world, std::size_t begin) {
  std::string text;
  for (std::size_t i = begin; i < world.calls.count(); ++i) {
    text += std::to_string(i - begin) + "  " + world.calls.log()[i].str() + "\n";
  }
  return text;
}

// What the services have is read again every ten minutes or so, also by an operator that has just started.
inline constexpr std::chrono::minutes kNextReading{12};
// Long enough for what is cleaned up at such an occasion.
inline constexpr std::chrono::minutes kLater{24};

inline void prepare(World& world, const Scenario& scenario) {
  world.platform = scenario.platform;
  scenario.prepare(world);
  REQUIRE(world.run());
}

// What holds in every world: nobody is harmed, and no secret is where it does not belong.
inline void check_invariants(World& world) {
  CHECK(world.violations() == std::vector<std::string>{});
  CHECK(world.config.violations() == std::vector<std::string>{});
  CHECK(world.pipeline.violations() == std::vector<std::string>{});
  for (const auto& [id, object] : world.kube.objects()) {
    const bool may_hold_secrets = std::get<0>(id) == "secrets";
    if (!may_hold_secrets) CHECK(object.dump().find("planted") == std::string::npos);
  }
}

// Acts, and waits for the end; an operator that starts there must find nothing to do. Returns the end.
inline nlohmann::json finish(World& world, const Scenario& scenario) {
  scenario.act(world);
  REQUIRE(world.run());
  REQUIRE(world.run_for(kLater));
  check_invariants(world);
  scenario.check(world);
  nlohmann::json end = world.canonical();
  const std::size_t done = world.calls.count();
  world.calls.heal();
  world.restart();
  REQUIRE(world.run_for(kNextReading));
  for (std::size_t i = done; i < world.calls.count(); ++i) {
    INFO(world.calls.log()[i].str());
    CHECK_FALSE(world.calls.log()[i].writes());
  }
  return end;
}

// Up to the last one that writes, and the reads after it; what follows is reading again from time to time.
inline std::size_t calls_to_try(const World& world, std::size_t begin) {
  std::size_t end = world.calls.count();
  while (end > begin && !world.calls.log()[end - 1].writes()) --end;
  REQUIRE(end > begin);
  return std::min(end + 4, world.calls.count()) - begin;
}

inline std::string_view name_of(Watches watches) {
  constexpr std::array<std::string_view, kAllWatches.size()> kNames{"prompt", "late", "listed", "frozen"};
  return kNames.at(static_cast<std::size_t>(watches));
}

// An operator that nobody disturbs knows what is there: nothing that it asks of the API server is refused.
inline void check_refusals(const World& world, std::size_t begin) {
  for (std::size_t i = begin; i < world.calls.count(); ++i) {
    const Call& call = world.calls.log()[i];
    INFO(call.str());
    if (call.service == "kubernetes") CHECK(call.status < 300);
  }
}

// Runs the scenario once without a crash, and then with one at each of its calls. All runs must come to rest
// in the same state, whenever the operator hears of what happens.
inline void crash_everywhere(const Scenario& scenario) {
  nlohmann::json end;
  for (const Watches watches : kAllWatches) {
    World reference;
    reference.watches = watches;
    INFO(scenario.name << ", " << name_of(watches) << " watches");
    prepare(reference, scenario);
    const std::size_t begin = reference.calls.count();
    const nlohmann::json same = finish(reference, scenario);
    check_refusals(reference, begin);
    if (end.is_null()) end = same;
    CHECK(nlohmann::json::diff(end, same).dump(1) == "[]");
    const std::size_t calls = calls_to_try(reference, begin);
    for (std::size_t i = 0; i < calls; ++i) {
      if (!scenario.thorough && static_cast<std::size_t>(watches) != i % kAllWatches.size()) continue;
      for (const bool after : {false, true}) {
        World world;
        world.watches = watches;
        world.frozen = i;
        INFO("dies " << (after ? "after" : "before") << " call " << i << ", as "
                     << reference.calls.log()[begin + i].str());
        prepare(world, scenario);
        const std::size_t first = world.calls.count();
        world.calls.crash_at(first + i, after);
        const nlohmann::json result = finish(world, scenario);
        INFO(describe(world, first));
        CHECK(nlohmann::json::diff(end, result).dump(1) == "[]");
      }
    }
  }
}

}  // namespace tp::test
