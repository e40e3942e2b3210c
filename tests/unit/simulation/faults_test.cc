#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "crash_loop.h"
#include "domain/team_provisioning.h"
#include "support/catch.h"
#include "teams_under_test.h"
#include "world.h"

namespace tp::test {
namespace {

using Json = nlohmann::json;
using Answer = Fault::Answer;
using Commit = Fault::Commit;

struct Trouble {
  std::string name;
  Fault fault;
  bool only_writes = false;
};

const std::vector<Trouble>& troubles() {
  static const std::vector<Trouble> kTroubles{
      {"500", refusal(500)},
      {"429", refusal(429, 7)},
      {"401", refusal(401)},
      {"garbage", {.answer = Answer::Garbage}},
      {"silence", {.acts = false, .answer = Answer::Silence}},
      {"500, done", {.answer = Answer::Status, .status = 500}, true},
      {"silence, done", {.answer = Answer::Silence}, true},
      {"cut, done", {.answer = Answer::Cut}, true},
      {"late commit", {.commit = Commit::Late, .commit_delay = std::chrono::seconds{3}}, true},
      {"very late commit", {.commit = Commit::Late, .commit_delay = std::chrono::seconds{25}}, true},
      {"commit after it was given up",
       {.commit = Commit::Late, .commit_delay = std::chrono::seconds{45}},
       true},
      {"late commit, no answer",
       {.answer = Answer::Silence, .commit = Commit::Late, .commit_delay = std::chrono::seconds{12}},
       true},
      {"no commit", {.commit = Commit::Never}, true},
      {"lost update", {.lose_update = true}, true},
  };
  return kTroubles;
}

bool is_external(const Call& call) { return call.service != "kubernetes"; }

bool is_of_kubernetes(const Call& call) { return !is_external(call); }

// What only the services around the cluster do.
bool is_peculiar(const Fault& fault) { return fault.commit != Commit::AtOnce || fault.lose_update; }

// Every trouble at every call, and also at the calls that follow. In the end all is as if nothing had been.
void trouble_everywhere(const Scenario& scenario, bool (*is_victim)(const Call& call) = is_external) {
  World reference;
  prepare(reference, scenario);
  const std::size_t begin = reference.calls.count();
  const Json end = finish(reference, scenario);
  const std::size_t calls = calls_to_try(reference, begin);
  for (std::size_t i = begin; i < begin + calls; ++i) {
    const Call& victim = reference.calls.log()[i];
    if (!is_victim(victim)) continue;
    for (const Trouble& trouble : troubles()) {
      if (trouble.only_writes && !victim.writes()) continue;
      if (is_peculiar(trouble.fault) && !is_external(victim)) continue;
      for (const std::size_t length : {std::size_t{1}, std::size_t{6}}) {
        if (length > 1 && (trouble.only_writes || !victim.writes())) continue;
        World world;
        INFO(scenario.name << ": " << trouble.name << " " << length << " times, from call " << i - begin
                           << " " << victim.str());
        prepare(world, scenario);
        world.calls.inject(
            [=](std::size_t index, const Call& call) {
              return index >= i && index < i + length && is_victim(call);
            },
            trouble.fault);
        const Json result = finish(world, scenario);
        INFO(describe(world, begin));
        CHECK(Json::diff(end, result).dump(1) == "[]");
        CHECK(world.calls.count() < reference.calls.count() + 80);
      }
    }
  }
}

TEST_CASE("simulation: a team is provisioned in spite of every fault", "[simulation][platform]") {
  trouble_everywhere(
      {.name = "provisioning", .platform = true, .act = provision, .check = must_be_provisioned});
}

TEST_CASE("simulation: a token is rotated in spite of every fault", "[simulation][platform]") {
  trouble_everywhere({.name = "rotation",
                      .platform = true,
                      .prepare = provision,
                      .act =
                          [](World& world) {
                            world.annotate(kTeamKey, std::string{domain::kRotateToken}, "1");
                            REQUIRE(world.run_for(kGraceAndMore));
                          },
                      .check = must_be_provisioned});
}

TEST_CASE("simulation: a team goes in spite of every fault", "[simulation][platform]") {
  trouble_everywhere({.name = "deletion",
                      .platform = true,
                      .prepare = provision,
                      .act = [](World& world) { world.remove(kTeamKey); },
                      .check =
                          [](World& world) {
                            CHECK(world.team(kTeamKey).is_null());
                            CHECK(world.config.live_tokens("acme", "checkout").empty());
                          }});
}

TEST_CASE("simulation: children come and go in spite of every fault of the API server", "[simulation]") {
  Json spec = kEverything;
  spec["deletionPolicy"] = {{"children", "Orphan"}};
  const auto make = [spec](World& world) { world.apply(team_manifest(spec)); };
  trouble_everywhere({.name = "creation", .act = make}, is_of_kubernetes);
  trouble_everywhere({.name = "deletion",
                      .prepare = make,
                      .act = [](World& world) { world.remove(kTeamKey); },
                      .check =
                          [](World& world) {
                            CHECK(world.team(kTeamKey).is_null());
                            CHECK(world.kube.list(kube::kDeployments).size() == 1);
                            for (const Json& child : world.kube.list(kube::kDeployments))
                              CHECK_FALSE(child.at("metadata").contains("ownerReferences"));
                          }},
                     is_of_kubernetes);
}

// A run that took too long has failed, whatever comes of it later.
Json without_run(Json canonical) {
  for (Json& object : canonical.at("kubernetes")) {
    if (object.at("kind") != "TeamProvisioning") continue;
    object.at("status").erase("lastRun");
    object.at("metadata").erase("managedFields");
  }
  return canonical;
}

TEST_CASE("simulation: while the services are away the children are looked after, and nobody is stormed",
          "[simulation][platform]") {
  const auto& trouble =
      GENERATE(from_range(std::vector<Trouble>(troubles().begin(), troubles().begin() + 5)));
  CAPTURE(trouble.name);
  World reference;
  reference.platform = true;
  provision(reference);
  REQUIRE(reference.run());
  REQUIRE(reference.run_for(kLater));

  World world;
  world.platform = true;
  world.calls.inject([](std::size_t, const Call& call) { return is_external(call); }, trouble.fault);
  provision(world);
  world.pass(std::chrono::minutes{3});
  CHECK(world.kube.list(kube::kDeployments).size() == 1);
  CHECK(world.kube.list(kube::kCronJobs).size() == 1);
  const Json away = world.team(kTeamKey);
  for (const Json& condition : away.at("status").at("conditions")) {
    CAPTURE(condition.dump());
    const std::string type = condition.at("type");
    const bool kubernetes_only =
        type == "AgentAvailable" || type == "PipelineScheduled" || type == "Reconciling";
    CHECK((condition.at("status") == "True") == kubernetes_only);
  }
  world.pass(std::chrono::minutes{57});
  INFO(describe(world, 0));
  CHECK(world.calls.count() < 120);
  world.calls.heal();
  REQUIRE(world.run());
  REQUIRE(world.run_for(kLater));
  check_invariants(world);
  must_be_provisioned(world);
  CHECK(Json::diff(without_run(reference.canonical()), without_run(world.canonical())).dump(1) == "[]");
}

TEST_CASE("simulation: a runtime stays as long as the Config Service names it", "[simulation][platform]") {
  World world;
  world.platform = true;
  provision(world);
  REQUIRE(world.run());
  world.calls.inject([](std::size_t, const Call& call) { return is_external(call); }, refusal(500));
  Json shared = kEverything;
  shared["runtime"] = {{"mode", "Shared"}};
  world.apply(team_manifest(shared));
  world.pass(std::chrono::minutes{5});
  CHECK(world.kube.list(kube::kDeployments).size() == 1);
  CHECK(world.kube.list(kube::kServices).size() == 1);
  world.calls.heal();
  REQUIRE(world.run());
  check_invariants(world);
  CHECK(world.kube.list(kube::kDeployments).empty());
}

}  // namespace
}  // namespace tp::test
