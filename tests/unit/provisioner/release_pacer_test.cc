#include "provisioner/reconcile/release_pacer.h"

#include <chrono>
#include <string>

#include "support/catch.h"
#include "support/fake_clock.h"

namespace tp::provisioner {
namespace {

using namespace std::chrono_literals;

kube::ObjectKey team(int i) { return {"ns", "team-" + std::to_string(i)}; }

struct Fleet {
  test::FakeClock clock;
  std::size_t progressing = 0, failed = 0;

  ReleasePacer pacer(ReleasePacer::Settings settings) {
    return {settings, clock, [this](const std::string&) { return progressing; },
            [this](const std::string&) { return failed; }};
  }
};

TEST_CASE("pacer: one team after the other, at the rate", "[pacer]") {
  Fleet fleet;
  ReleasePacer pacer = fleet.pacer({.teams_per_minute = 60});
  CHECK_FALSE(pacer.turn_in(team(0), "v2"));
  for (int i = 1; i < 10; ++i) CHECK(pacer.turn_in(team(i), "v2") == std::chrono::seconds{i});
  fleet.clock.advance(2s);
  CHECK_FALSE(pacer.turn_in(team(2), "v2"));
  CHECK_FALSE(pacer.turn_in(team(1), "v2"));
  CHECK(pacer.turn_in(team(3), "v2") == 1s);
  // Asked early, its place is kept.
  CHECK(pacer.turn_in(team(3), "v2") == 1s);
}

TEST_CASE("pacer: a turn that has come stays until the team leaves", "[pacer]") {
  Fleet fleet;
  ReleasePacer pacer = fleet.pacer({});
  CHECK_FALSE(pacer.turn_in(team(0), "v2"));
  fleet.progressing = 1000;
  CHECK_FALSE(pacer.turn_in(team(0), "v2"));
  pacer.leave(team(0));
  CHECK(pacer.turn_in(team(0), "v2"));
}

TEST_CASE("pacer: nobody goes while too many are under way or have failed, and it goes on after", "[pacer]") {
  Fleet fleet;
  ReleasePacer pacer = fleet.pacer({.teams_per_minute = 600, .max_progressing = 2, .max_failed = 1});
  std::size_t& reason = GENERATE(0, 1) == 0 ? fleet.progressing : fleet.failed;
  reason = 2;
  for (int round = 0; round < 5; ++round) {
    const auto wait = pacer.turn_in(team(0), "v2");
    REQUIRE(wait);
    CHECK(*wait >= 100ms);
    fleet.clock.advance(*wait);
  }
  reason = 0;
  const auto wait = pacer.turn_in(team(0), "v2");
  if (wait) fleet.clock.advance(*wait);
  CHECK_FALSE(pacer.turn_in(team(0), "v2"));
}

TEST_CASE("pacer: without a rate all go at once", "[pacer]") {
  Fleet fleet;
  ReleasePacer pacer = fleet.pacer({.teams_per_minute = 0});
  for (int i = 0; i < 100; ++i) CHECK_FALSE(pacer.turn_in(team(i), "v2"));
}

}  // namespace
}  // namespace tp::provisioner
