#include <algorithm>
#include <chrono>
#include <cstddef>
#include <string>

#include <nlohmann/json.hpp>

#include "crash_loop.h"
#include "support/catch.h"
#include "teams_under_test.h"
#include "world.h"

namespace tp::test {
namespace {

using Json = nlohmann::json;

Json with_policy(const char* config, const char* children) {
  Json spec = kEverything;
  spec["deletionPolicy"] = {{"config", config}, {"children", children}};
  return spec;
}

// What DESIGN says of each policy.
void must_have_withdrawn(World& world, const std::string& config, const std::string& children) {
  CHECK(world.team(kTeamKey).is_null());
  const bool orphan = children == "Orphan";
  CHECK(world.kube.list(kube::kDeployments).size() == (orphan ? 1 : 0));
  CHECK(world.kube.list(kube::kCronJobs).size() == (orphan ? 1 : 0));
  for (const auto& type : {kube::kDeployments, kube::kCronJobs, kube::kServices, kube::kSecrets}) {
    for (const Json& left : world.kube.list(type)) {
      CAPTURE(left.dump());
      CHECK_FALSE(left.at("metadata").contains("ownerReferences"));
    }
  }
  const bool retain = config == "Retain";
  CHECK(world.config.live_tokens("acme", "checkout").size() == (retain ? 1 : 0));
  CHECK(world.kube.list(kube::kSecrets).size() == (retain && orphan ? 1 : 0));
  const auto* const node = world.config.node("acme", "checkout");
  if (node == nullptr) return;  // it never came to that
  const Json& left = node->config;
  CAPTURE(left.dump());
  const auto at = [&](const char* path) { return left.value(Json::json_pointer{path}, Json("absent")); };
  const auto is_one_of = [&](const char* path, const Json& a) {
    return at(path) == a || at(path) == "absent";
  };
  if (retain) {
    if (!orphan) CHECK(is_one_of("/agent/dedicated_service_url", nullptr));
  } else {
    CHECK(is_one_of("/routing/slack_channel_ids", Json::array()));
    CHECK(is_one_of("/routing/services", Json::array()));
    CHECK(is_one_of("/agent/dedicated_service_url", nullptr));
  }
  if (config == "Clear") {
    CHECK(is_one_of("/agents/planner/max_turns", nullptr));
    CHECK(is_one_of("/governance/write_tools", nullptr));
  }
}

// The namespace controller deletes what is in a namespace in no particular order, and nothing can be made
// there any more: a token that is issued meanwhile finds no Secret.
TEST_CASE("simulation: no token outlives its namespace", "[simulation][platform]") {
  for (const Watches watches : {Watches::Prompt, Watches::Late}) {
    for (const int seconds : {0, 1, 20, 90}) {
      const std::chrono::seconds between{seconds};
      World world;
      world.watches = watches;
      INFO("the Secret goes " << between.count() << " s before the team, " << name_of(watches) << " watches");
      const std::size_t begin = world.calls.count();
      world.platform = true;
      provision(world);
      REQUIRE(world.run());
      world.kube.terminate_namespace(kTeamKey.ns);
      for (const Json& secret : world.kube.list(kube::kSecrets))
        world.kube.remove(kube::kSecrets, {kTeamKey.ns, secret["metadata"]["name"]});
      if (between.count() > 0) world.pass(between);
      world.remove(kTeamKey);
      REQUIRE(world.run_for(kLater));
      INFO(describe(world, begin));
      check_invariants(world);
      CHECK(world.team(kTeamKey).is_null());
      CHECK(world.config.live_tokens("acme", "checkout").empty());
    }
  }
}

TEST_CASE("simulation: a team goes by its policy, whenever the operator dies", "[simulation][platform]") {
  const std::string config = GENERATE("Withdraw", "Retain", "Clear");
  const std::string children = GENERATE("Delete", "Orphan");
  crash_everywhere({.name = "deletion " + config + " " + children,
                    .platform = true,
                    .prepare =
                        [&](World& world) {
                          world.may_leave_tokens = config == "Retain";
                          add_org(world);
                          world.apply(team_manifest(with_policy(config.c_str(), children.c_str())));
                        },
                    .act = [](World& world) { world.remove(kTeamKey); },
                    .check =
                        [&](World& world) {
                          must_have_withdrawn(world, config, children);
                          const Json& left = world.config.node("acme", "checkout")->config;
                          if (config != "Clear") CHECK(left.at("agents").at("planner").at("max_turns") == 20);
                          if (config == "Retain")
                            CHECK(left.at("routing").at("slack_channel_ids").size() == 2);
                        }});
}

TEST_CASE("simulation: a team that is half made goes too", "[simulation][platform]") {
  const std::string config = GENERATE("Withdraw", "Retain", "Clear");
  const std::string children = GENERATE("Delete", "Orphan");
  const bool dies = GENERATE(false, true);
  const auto make = [&](World& world) {
    world.platform = true;
    world.may_leave_tokens = config == "Retain";
    add_org(world);
    world.apply(team_manifest(with_policy(config.c_str(), children.c_str())));
  };
  World whole;
  make(whole);
  REQUIRE(whole.run());
  const std::size_t calls = whole.calls.count();
  for (std::size_t i = 0; i < calls; ++i) {
    World world;
    make(world);
    INFO(config << " " << children << ": deleted before call " << i
                << (dies ? ", where the operator dies" : ""));
    if (dies) {
      world.calls.crash_at(i, i % 2 == 0);
      while (!world.calls.dead()) REQUIRE(world.run_until_call(i + 1));
      world.remove(kTeamKey);
    } else {
      world.calls.before(i, [&] { world.remove(kTeamKey); });
    }
    REQUIRE(world.run());
    REQUIRE(world.run_for(kLater));
    INFO(describe(world, 0));
    check_invariants(world);
    CHECK(world.team(kTeamKey).is_null());
    CHECK(world.kube.list(kube::kDeployments).size() <= (children == "Orphan" ? 1 : 0));
    if (config != "Retain") CHECK(world.config.live_tokens("acme", "checkout").empty());
    if (config != "Retain") CHECK(world.kube.list(kube::kSecrets).empty());
  }
}

TEST_CASE("simulation: a deletion gives up when the Config Service is gone", "[simulation][platform]") {
  const Fault::Answer how = GENERATE(Fault::Answer::Silence, Fault::Answer::Cut, Fault::Answer::Garbage);
  World world;
  world.platform = true;
  add_org(world);
  world.apply(team_manifest(with_policy("Withdraw", "Delete")));
  REQUIRE(world.run());
  world.calls.inject([](std::size_t, const Call& call) { return call.service == "config service"; },
                     {.acts = false, .answer = how});
  const std::size_t begin = world.calls.count();
  world.remove(kTeamKey);
  const SteadyTime since = world.clock.now();
  while (!world.team(kTeamKey).is_null() && world.clock.now() - since < std::chrono::hours{1}) {
    REQUIRE(world.run_until_call(world.calls.count() + 1));
  }
  INFO(describe(world, begin));
  CHECK(world.team(kTeamKey).is_null());
  CHECK(world.clock.now() - since >= std::chrono::minutes{15});
  CHECK(world.clock.now() - since < std::chrono::minutes{22});
  CHECK(world.calls.count() - begin < 60);
  const auto& events = world.told.events;
  REQUIRE_FALSE(events.empty());
  CHECK(events.back().reason == "GaveUp");
  CHECK(std::count_if(events.begin(), events.end(), [](const auto& e) { return e.reason == "GaveUp"; }) == 1);
  CHECK(events.back().note.find("token") != std::string::npos);
}

}  // namespace
}  // namespace tp::test
