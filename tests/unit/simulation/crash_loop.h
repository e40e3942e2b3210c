#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <utility>

#include "support/catch.h"
#include "world.h"

namespace tp::test {

// What is tried with a crash before and after every call that it takes.
struct Scenario {
  std::string name{};
  std::function<void(World&)> prepare = [](World& /*world*/) {};  // runs until nothing is left to do
  std::function<void(World&)> act;
  // What must hold in the end besides what is equal in every run.
  std::function<void(World&)> check = [](World& /*world*/) {};
};

// Where the operator died, for the messages of a failed check.
inline std::string describe(const World& world, std::size_t begin) {
  std::string text;
  for (std::size_t i = begin; i < world.calls.count(); ++i) {
    text += std::to_string(i - begin) + "  " + world.calls.log()[i].str() + "\n";
  }
  return text;
}

// Runs the scenario once without a crash, and then with one at each of its calls. All runs must come to rest
// in the same state, and an operator that starts there must find nothing to do.
inline void crash_everywhere(const Scenario& scenario) {
  const auto prepare = [&](World& world) {
    scenario.prepare(world);
    REQUIRE(world.run());
    return world.calls.count();
  };
  const auto finish = [&](World& world) {
    scenario.act(world);
    REQUIRE(world.run());
    scenario.check(world);
    // Nothing is left, and whoever starts anew sees that.
    nlohmann::json end = world.canonical();
    const std::size_t done = world.calls.count();
    world.restart();
    REQUIRE(world.run());
    for (std::size_t i = done; i < world.calls.count(); ++i) {
      INFO(world.calls.log()[i].str());
      CHECK_FALSE(world.calls.log()[i].writes());
    }
    return end;
  };

  for (const bool late_watches : {false, true}) {
    World reference;
    reference.late_watches = late_watches;
    const std::size_t begin = prepare(reference);
    const nlohmann::json end = finish(reference);
    const std::size_t calls = reference.calls.count() - begin;
    REQUIRE(calls > 0);
    for (std::size_t i = 0; i < calls; ++i) {
      for (const bool after : {false, true}) {
        World world;
        world.late_watches = late_watches;
        INFO(scenario.name << (late_watches ? ", late watches" : "") << ": dies "
                           << (after ? "after" : "before") << " call " << i);
        const std::size_t first = prepare(world);
        world.calls.crash_at(first + i, after);
        const nlohmann::json result = finish(world);
        INFO(describe(world, first));
        CHECK(nlohmann::json::diff(end, result) == nlohmann::json::array());
      }
    }
  }
}

}  // namespace tp::test
