#include "provisioner/reconcile/release_rules.h"

#include <memory>
#include <string>
#include <utility>

#include "provisioner/reconcile/plan.h"
#include "support/catch.h"
#include "support/teams.h"

namespace tp::provisioner {
namespace {

using domain::ReleasePhase;
using domain::ReleaseStatus;

ReleasePointer release(const std::string& name, bool auto_rollback = true) {
  domain::AgentRelease made;
  made.meta.key.name = name;
  made.meta.uid = "uid-" + name;
  made.spec = {.agent_image = "agent:" + name, .auto_rollback = auto_rollback};
  return std::make_shared<const domain::AgentRelease>(std::move(made));
}

// A team that has been looked at before and has something, with what its status says of releases.
Observed a_case(const ReleaseStatus& status, const ReleasePointer& wanted, bool named = true) {
  Team team = test::dedicated(test::a_team());
  team.status.observed_generation = 1;
  team.meta.generation = 1;
  if (status != ReleaseStatus{}) team.status.release = std::make_shared<const ReleaseStatus>(status);
  if (named && wanted) team.spec.release = wanted->meta.key.name;
  Observed observed{std::make_shared<const Team>(std::move(team))};
  Child job;
  job.meta.key = {"incidentfox", "dep-discovery-acme-checkout"};
  job.slot = Slot::DiscoveryCronJob;
  job.managed_by = ManagedBy::Operator;
  observed.children.push_back(std::make_shared<const Child>(std::move(job)));
  observed.releases.wanted = wanted ? wanted->meta.key.name : "";
  observed.releases.wanted_release = wanted;
  for (const auto& [name, place] : {std::pair{status.active, &observed.releases.active},
                                    std::pair{status.previous, &observed.releases.previous}}) {
    if (!name.empty()) *place = release(name);
  }
  return observed;
}

ReleaseStatus next(const Observed& observed, bool applied = true, Rollout rollout = Rollout::Complete) {
  return next_release(observed, current_release(observed), applied, rollout);
}

TEST_CASE("release: a new team begins with what it is to run, and is not on its way to it", "[release]") {
  Observed observed = a_case({}, release("v1"));
  auto fresh = std::make_shared<Team>(*observed.team);
  fresh->status.observed_generation = -1;
  observed.team = fresh;
  CHECK(next(observed, false, Rollout::Absent) == ReleaseStatus{.active = "v1"});
  CHECK_FALSE(wants_turn(observed));
}

TEST_CASE("release: a new team whose release is not there gets nothing, however often it is looked at",
          "[release]") {
  Observed observed = a_case({}, nullptr);
  observed.children.clear();
  observed.releases.wanted = "v9";
  observed.releases.problem = "AgentRelease v9 does not exist";
  for (const int generation : {-1, 1}) {
    auto team = std::make_shared<Team>(*observed.team);
    team->status.observed_generation = generation;
    observed.team = team;
    const Plan plan = make_plan(observed, {});
    CHECK(plan.actions.empty());
    REQUIRE(plan.stalls.size() == 1);
    CHECK(plan.stalls.front().reason == "ReleaseNotFound");
  }
  // It begins with the release when that comes.
  observed.releases = {.wanted = "v9", .wanted_release = release("v9")};
  CHECK(next(observed, false, Rollout::Absent) == ReleaseStatus{.active = "v9"});
}

TEST_CASE("release: a team without one stays without one", "[release]") {
  CHECK(next(a_case({}, nullptr)) == ReleaseStatus{});
  CHECK_FALSE(make_plan(a_case({}, nullptr), {}).release);
}

TEST_CASE("release: another name is an upgrade, the former name a rollback by hand", "[release]") {
  const ReleaseStatus on_v1{.active = "v1", .previous = "v0"};
  CHECK(next(a_case(on_v1, release("v2"))) ==
        ReleaseStatus{.active = "v2", .previous = "v1", .phase = ReleasePhase::Progressing});
  const ReleaseStatus under_way{.active = "v2", .previous = "v1", .phase = ReleasePhase::Progressing};
  CHECK(next(a_case(under_way, release("v1")), true, Rollout::Progressing) ==
        ReleaseStatus{.active = "v1", .previous = "v1", .phase = ReleasePhase::Progressing});
}

TEST_CASE("release: the move is decided before anything changes", "[release]") {
  const Plan plan = make_plan(a_case({.active = "v1"}, release("v2")), {});
  REQUIRE(plan.release);
  CHECK(plan.release->active == "v2");
  CHECK(plan.again);
  for (const Action& action : plan.actions) {
    if (const auto* apply = std::get_if<ApplyChild>(&action); apply && apply->slot == Slot::AgentDeployment)
      CHECK(apply->object["spec"]["template"]["spec"]["containers"][0]["image"] == "agent:v1");
  }
}

TEST_CASE("release: it is complete when the Deployment that it wants is", "[release]") {
  const ReleaseStatus under_way{.active = "v2", .previous = "v1", .phase = ReleasePhase::Progressing};
  const Observed observed = a_case(under_way, release("v2"));
  CHECK(next(observed, true, Rollout::Complete).phase == ReleasePhase::Complete);
  // What is complete is still the former one.
  CHECK(next(observed, false, Rollout::Complete).phase == ReleasePhase::Progressing);
  CHECK(next(observed, true, Rollout::Progressing).phase == ReleasePhase::Progressing);
  CHECK(next(observed, true, Rollout::Unavailable).phase == ReleasePhase::Progressing);
  // The former one had failed, which says nothing about this one.
  CHECK(next(observed, false, Rollout::Failed).phase == ReleasePhase::Progressing);
}

TEST_CASE("release: one that misses its deadline is rolled back, once", "[release]") {
  const ReleaseStatus under_way{.active = "v2", .previous = "v1", .phase = ReleasePhase::Progressing};
  const ReleaseStatus back = next(a_case(under_way, release("v2")), true, Rollout::Failed);
  CHECK(back == ReleaseStatus{.active = "v1",
                              .previous = "v1",
                              .phase = ReleasePhase::RolledBack,
                              .failed = "v2",
                              .failed_generation = 1});
  // It stays there.
  const Observed after = a_case(back, release("v2"));
  CHECK(next(after, false, Rollout::Failed) == back);
  CHECK(next(after, true, Rollout::Complete) == back);
  const Plan plan = make_plan(after, {});
  REQUIRE_FALSE(plan.stalls.empty());
  CHECK(plan.stalls.front().reason == "RolledBack");
  CHECK(plan.stalls.front().message.find("AgentRelease v2") != std::string::npos);
  CHECK(plan.stalls.front().message.find("AgentRelease v1") != std::string::npos);

  SECTION("until another release is named") {
    CHECK(next(a_case(back, release("v3"))) ==
          ReleaseStatus{.active = "v3", .previous = "v1", .phase = ReleasePhase::Progressing});
  }
  SECTION("or the one that works") {
    CHECK(next(a_case(back, release("v1"))) == ReleaseStatus{.active = "v1", .previous = "v1"});
  }
  SECTION("or the spec changes") {
    auto changed = std::make_shared<Team>(*after.team);
    changed->meta.generation = 2;
    Observed observed = after;
    observed.team = changed;
    CHECK(next(observed).phase == ReleasePhase::Progressing);
    CHECK(next(observed).active == "v2");
  }
  SECTION("or somebody asks") {
    auto asked = std::make_shared<Team>(*after.team);
    asked->requested_at = "now";
    Observed observed = after;
    observed.team = asked;
    CHECK(next(observed).active == "v2");
  }
}

TEST_CASE("release: no way back where there is none, or where it is not wished", "[release]") {
  const ReleaseStatus under_way{.active = "v2", .previous = "v1", .phase = ReleasePhase::Progressing};
  Observed unwished = a_case(under_way, release("v2", false));
  unwished.releases.active = unwished.releases.wanted_release;
  CHECK(next(unwished, true, Rollout::Failed) == under_way);
  Observed gone = a_case(under_way, release("v2"));
  gone.releases.previous = nullptr;
  CHECK(next(gone, true, Rollout::Failed) == under_way);
  // The operator's own images are always there.
  const ReleaseStatus first{.active = "v1", .phase = ReleasePhase::Progressing};
  CHECK(next(a_case(first, release("v1")), true, Rollout::Failed).active.empty());
}

TEST_CASE("release: who follows the default waits for its turn, who names one does not", "[release]") {
  const ReleaseStatus on_v1{.active = "v1"};
  Observed follower = a_case(on_v1, release("v2"), false);
  CHECK(wants_turn(follower));
  follower.releases.turn_in = std::chrono::seconds{9};
  CHECK(next(follower) == on_v1);
  follower.releases.turn_in.reset();
  CHECK(next(follower).active == "v2");
  Observed named = a_case(on_v1, release("v2"));
  CHECK_FALSE(wants_turn(named));
  named.releases.turn_in = std::chrono::seconds{9};
  CHECK(next(named).active == "v2");
}

TEST_CASE("release: what somebody asks for now does not wait, and is not forgotten while it would",
          "[release]") {
  Observed observed = a_case({.active = "v1",
                              .previous = "v1",
                              .phase = ReleasePhase::RolledBack,
                              .failed = "v2",
                              .failed_generation = 1},
                             release("v2"), false);
  observed.releases.turn_in = std::chrono::seconds{9};
  auto asked = std::make_shared<Team>(*observed.team);
  asked->requested_at = "now";
  observed.team = asked;
  CHECK_FALSE(wants_turn(observed));
  CHECK(next(observed).active == "v2");
}

TEST_CASE("release: a release that is not there leaves the team as it is, and it says so", "[release]") {
  Observed observed = a_case({.active = "v1"}, nullptr);
  observed.releases.wanted = "v9";
  observed.releases.problem = "AgentRelease v9 does not exist";
  const Plan plan = make_plan(observed, {});
  REQUIRE(plan.release);
  CHECK(plan.release->active == "v1");
  REQUIRE_FALSE(plan.stalls.empty());
  CHECK(plan.stalls.back().reason == "ReleaseNotFound");
  // And when the one that it runs is gone too, nothing can be made from it.
  observed.releases.active = nullptr;
  CHECK(make_plan(observed, {}).actions.empty());
}

TEST_CASE("release: when the one that it runs is gone, the team moves without waiting", "[release]") {
  Observed observed = a_case({.active = "v1"}, release("v2"), false);
  observed.releases.active = nullptr;
  observed.releases.turn_in = std::chrono::seconds{9};
  CHECK(next(observed, false).active == "v2");
}

TEST_CASE("release: a shared team has nothing to wait for", "[release]") {
  Observed observed = a_case({.active = "v1"}, release("v2"));
  auto shared = std::make_shared<Team>(*observed.team);
  shared->spec.mode = domain::RuntimeMode::Shared;
  observed.team = shared;
  CHECK(next(observed, false, Rollout::Absent) == ReleaseStatus{.active = "v2", .previous = "v1"});
}

TEST_CASE("release: the team's own image, variables and port count more than the release's", "[release]") {
  const BuildContext build =
      with_release({}, {.agent_image = "agent:v2",
                        .pipeline_image = "pipeline:v2",
                        .container_port = 9000,
                        .env = {{.name = "A", .value = "release"}, {.name = "B", .value = "release"}},
                        .progress_deadline = std::chrono::minutes{5}});
  CHECK(build.discovery_image == BuildContext{}.discovery_image);
  const Team team = test::dedicated(test::a_team(), {.env = {{.name = "B", .value = "team"}}});
  const Observed observed{std::make_shared<const Team>(team)};
  const Plan plan = make_plan(observed, build);
  for (const Action& action : plan.actions) {
    const auto* const apply = std::get_if<ApplyChild>(&action);
    if (apply == nullptr || apply->slot != Slot::AgentDeployment) continue;
    const auto& spec = apply->object["spec"];
    CHECK(spec["progressDeadlineSeconds"] == 300);
    const auto& container = spec["template"]["spec"]["containers"][0];
    CHECK(container["image"] == "agent:v2");
    CHECK(container["ports"][0]["containerPort"] == 9000);
    std::string values;
    for (const auto& variable : container["env"]) {
      if (variable["name"] == "A" || variable["name"] == "B")
        values += variable["name"].get<std::string>() + "=" + variable["value"].get<std::string>() + " ";
    }
    CHECK(values == "A=release B=team ");
    return;
  }
  FAIL("no Deployment");
}

}  // namespace
}  // namespace tp::provisioner
