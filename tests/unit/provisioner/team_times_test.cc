#include "provisioner/app/team_times.h"

#include <chrono>
#include <string>
#include <utility>

#include "support/catch.h"
#include "support/fake_clock.h"
#include "support/teams.h"

namespace tp::provisioner {
namespace {

using namespace std::chrono_literals;

domain::TeamStatus ready_status(std::int64_t generation = 1) {
  domain::TeamStatus status;
  status.observed_generation = generation;
  status.conditions = {
      {.type = "Ready", .status = kube::ConditionStatus::True, .reason = "Provisioned", .message = ""}};
  return status;
}

struct Fixture {
  test::FakeClock clock;
  metrics::Registry registry;
  bool live = true;
  bool active = true;
  TeamTimes times{registry, clock, [this] { return live; }, [this] { return active; }};

  // count and sum of a histogram.
  std::pair<double, double> of(const std::string& name) {
    const std::string text = registry.expose();
    const auto value = [&](const std::string& series) {
      const auto at = text.find("\n" + series + " ");
      REQUIRE(at != std::string::npos);
      return std::stod(text.substr(at + series.size() + 2));
    };
    return {value("teamprovisioning_" + name + "_seconds_count"),
            value("teamprovisioning_" + name + "_seconds_sum")};
  }
  std::pair<double, double> ready() { return of("time_to_ready"); }
  std::pair<double, double> deletion() { return of("deletion"); }

  TeamPointer created(Team team) {
    TeamPointer made = test::share(std::move(team));
    times.changed(nullptr, made);
    return made;
  }
  TeamPointer edited(const TeamPointer& before) {
    Team team = *before;
    ++team.meta.generation;
    TeamPointer after = test::share(std::move(team));
    times.changed(before, after);
    return after;
  }
};

using Measured = std::pair<double, double>;

TEST_CASE("team times: from creation to Ready, once", "[metrics]") {
  Fixture f;
  CHECK(f.ready() == Measured{0, 0});
  const TeamPointer team = f.created(test::a_team());
  f.clock.advance(3s);
  f.times.reported(*team, {});
  CHECK(f.ready() == Measured{0, 0});
  f.clock.advance(1s);
  f.times.reported(*team, ready_status());
  f.clock.advance(1s);
  f.times.reported(*team, ready_status());
  CHECK(f.ready() == Measured{1, 4});
}

TEST_CASE("team times: a change of the spec begins anew", "[metrics]") {
  Fixture f;
  const TeamPointer team = f.created(test::a_team());
  f.clock.advance(3s);
  const TeamPointer changed = f.edited(team);
  f.clock.advance(2s);
  f.times.reported(*changed, ready_status(1));  // of the generation before
  CHECK(f.ready() == Measured{0, 0});
  f.times.reported(*changed, ready_status(2));
  CHECK(f.ready() == Measured{1, 2});
}

TEST_CASE("team times: what a status of somebody else's tells is theirs to count", "[metrics]") {
  Fixture f;
  const TeamPointer team = f.created(test::a_team());
  Team done = *team;
  done.status = ready_status();
  f.active = false;
  f.times.changed(team, test::share(std::move(done)));
  f.active = true;
  f.times.reported(*team, ready_status());
  CHECK(f.ready() == Measured{0, 0});
}

TEST_CASE("team times: the event of our own status may come before we say so", "[metrics]") {
  Fixture f;
  const TeamPointer team = f.created(test::a_team());
  f.clock.advance(2s);
  Team done = *team;
  done.status = ready_status();
  f.times.changed(team, test::share(std::move(done)));
  f.times.reported(*team, ready_status());
  CHECK(f.ready() == Measured{1, 2});
}

TEST_CASE("team times: who is suspended waits for nothing", "[metrics]") {
  Fixture f;
  const TeamPointer team = f.created(test::a_team());
  Team paused = *team;
  paused.paused = true;
  const TeamPointer left_alone = test::share(std::move(paused));
  f.times.changed(team, left_alone);
  f.times.changed(left_alone, team);
  f.times.reported(*team, ready_status());
  CHECK(f.ready() == Measured{0, 0});
}

TEST_CASE("team times: of what was there before us, only what never was reported is measured", "[metrics]") {
  Fixture f;
  f.live = false;
  const auto age = [&f](Team team, std::chrono::seconds ago) {
    team.meta.created = f.clock.wall_now() - ago;
    return team;
  };
  const TeamPointer fresh = f.created(age(test::a_team("acme", "fresh"), 10s));
  Team edited = age(test::a_team("acme", "edited"), 1h);
  edited.meta.generation = 5;
  const TeamPointer unknown = f.created(edited);
  Team broken = age(test::a_team("acme", "broken"), 1h);
  broken.status.observed_generation = 1;
  const TeamPointer was_ready_once = f.created(broken);
  f.clock.advance(5s);
  f.times.reported(*fresh, ready_status());
  f.times.reported(*unknown, ready_status(5));
  f.times.reported(*was_ready_once, ready_status());
  CHECK(f.ready() == Measured{1, 15});
}

TEST_CASE("team times: from deletion to the end, by the one who acts", "[metrics]") {
  Fixture f;
  const TeamPointer team = f.created(test::a_team());
  Team going = *team;
  going.meta.deleting = true;
  going.deleted = f.clock.wall_now();
  const TeamPointer leaving = test::share(std::move(going));
  f.times.changed(team, leaving);
  f.clock.advance(20s);
  f.times.reported(*leaving, ready_status());
  f.active = false;
  f.times.changed(leaving, nullptr);
  CHECK(f.deletion() == Measured{0, 0});
  f.active = true;
  f.times.changed(leaving, nullptr);
  CHECK(f.deletion() == Measured{1, 20});
  f.times.changed(team, nullptr);  // gone at once, without a finalizer
  CHECK(f.deletion() == Measured{1, 20});
  CHECK(f.ready() == Measured{0, 0});
}

}  // namespace
}  // namespace tp::provisioner
