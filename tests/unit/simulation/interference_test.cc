// Somebody else changes, deletes and makes what has the names of a team's children.

#include <array>
#include <chrono>
#include <cstddef>
#include <functional>
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

constexpr std::array kMeddledWith{kube::kDeployments, kube::kServices, kube::kCronJobs, kube::kSecrets};

// A listing after each write wakes the operator each time; who is refused for long would never rest.
constexpr std::array kStreams{Watches::Prompt, Watches::Late, Watches::Frozen};

// The team's child of a type; there is one of each.
kube::ObjectKey key_of(World& world, const kube::ResourceType& type) {
  const auto found = world.kube.list(type);
  REQUIRE(found.size() == 1);
  return {kTeamKey.ns, found.front().at("metadata").at("name")};
}

// Where each child of a provisioned team is.
std::vector<kube::ObjectKey> child_keys() {
  World world;
  world.platform = true;
  provision(world);
  REQUIRE(world.run());
  std::vector<kube::ObjectKey> keys;
  for (const kube::ResourceType& type : kMeddledWith) keys.push_back(key_of(world, type));
  return keys;
}

void put_stranger(World& world, const kube::ResourceType& type, const kube::ObjectKey& key) {
  world.kube.remove(type, key);
  Json stranger{{"apiVersion", type.api_version()},
                {"kind", type.kind},
                {"metadata", {{"namespace", key.ns}, {"name", key.name}, {"labels", {{"app", "theirs"}}}}}};
  if (type == kube::kSecrets) {
    stranger["data"] = {{"theirs", "MQ=="}};
  } else {
    stranger["spec"] = {{"theirs", 1}};
  }
  world.kube.apply(type, stranger, "somebody");
}

void must_be_as_it_was(World& world, const kube::ResourceType& type, const kube::ObjectKey& key) {
  const Json found = world.kube.find(type, key);
  REQUIRE_FALSE(found.is_null());
  CAPTURE(found.dump());
  CHECK(found.at("metadata").at("labels") == Json{{"app", "theirs"}});
  CHECK_FALSE(found.at("metadata").contains("ownerReferences"));
  CHECK_FALSE(found.at("metadata").contains("annotations"));
  if (type == kube::kSecrets) {
    CHECK(found.at("data") == Json{{"theirs", "MQ=="}});
  } else {
    CHECK(found.at("spec") == Json{{"theirs", 1}});
  }
}

// Before each call of `act` an object that is not ours takes the name of a child. It stays as it is, whatever
// becomes of the team.
void strangers_everywhere(const Scenario& scenario) {
  World reference;
  prepare(reference, scenario);
  const std::size_t begin = reference.calls.count();
  scenario.act(reference);
  REQUIRE(reference.run());
  const std::size_t calls = calls_to_try(reference, begin);
  const std::vector<kube::ObjectKey> keys = child_keys();
  for (std::size_t i = 0; i < calls; ++i) {
    for (std::size_t k = 0; k < keys.size(); ++k) {
      World world;
      world.watches = kStreams.at((i + k) % kStreams.size());
      world.frozen = i;
      INFO(scenario.name << ", " << name_of(world.watches) << " watches: a stranger has the name of "
                         << kMeddledWith.at(k).kind << " before call " << i << ", as "
                         << reference.calls.log()[begin + i].str());
      prepare(world, scenario);
      const std::size_t first = world.calls.count();
      world.calls.before(first + i, [&] { put_stranger(world, kMeddledWith.at(k), keys[k]); });
      scenario.act(world);
      world.pass(std::chrono::minutes{1});
      REQUIRE(world.calls.count() - first < 200);
      world.pass(std::chrono::minutes{9});
      INFO(describe(world, first));
      CHECK(world.config.violations() == std::vector<std::string>{});
      must_be_as_it_was(world, kMeddledWith.at(k), keys[k]);
      if (world.team(kTeamKey).is_null()) continue;
      world.kube.remove(kMeddledWith.at(k), keys[k]);
      REQUIRE(world.run());
      REQUIRE(world.run_for(kLater));
      scenario.check(world);
    }
  }
}

TEST_CASE("simulation: strangers are left alone while a team is made", "[simulation][platform]") {
  strangers_everywhere(
      {.name = "creation", .platform = true, .act = provision, .check = must_be_provisioned});
}

TEST_CASE("simulation: strangers are left alone while a team is changed", "[simulation][platform]") {
  strangers_everywhere({.name = "change",
                        .platform = true,
                        .prepare = provision,
                        .act =
                            [](World& world) {
                              Json spec = kEverything;
                              spec["pipeline"]["schedule"] = "30 3 * * *";
                              spec["runtime"]["dedicated"] = {{"replicas", 2}, {"containerPort", 9000}};
                              world.apply(team_manifest(spec));
                              world.annotate(kTeamKey, std::string{domain::kRotateToken}, "1");
                            },
                        .check = must_be_provisioned});
}

TEST_CASE("simulation: strangers are left alone while children go", "[simulation][platform]") {
  const std::string children = GENERATE("Delete", "Orphan");
  strangers_everywhere({.name = "shared, " + children,
                        .platform = true,
                        .prepare = provision,
                        .act =
                            [](World& world) {
                              Json spec = kEverything;
                              spec["runtime"] = {{"mode", "Shared"}};
                              spec.erase("pipeline");
                              world.apply(team_manifest(spec));
                            },
                        .check = must_be_provisioned});
  strangers_everywhere({.name = "deletion, " + children,
                        .platform = true,
                        .prepare =
                            [&](World& world) {
                              Json spec = kEverything;
                              spec["deletionPolicy"] = {{"children", children}};
                              add_org(world);
                              world.apply(team_manifest(spec));
                            },
                        .act = [](World& world) { world.remove(kTeamKey); }});
}

// What is done to a child that is as it should be.
struct Meddling {
  std::string what;
  std::function<void(World& world, const kube::ResourceType& type, const kube::ObjectKey& key)> act;
};

const std::vector<Meddling>& meddlings() {
  const auto edit = [](const Json& patch) {
    return [patch](World& world, const kube::ResourceType& type, const kube::ObjectKey& key) {
      world.kube.edit(type, key, patch);
    };
  };
  static const std::vector<Meddling> kMeddlings{
      {"loses its labels", edit({{"metadata", {{"labels", nullptr}}}})},
      {"loses its owner", edit({{"metadata", {{"ownerReferences", nullptr}}}})},
      {"gets another label", edit({{"metadata", {{"labels", {{"app.kubernetes.io/managed-by", "them"}}}}}})},
      {"gets another field", edit({{"metadata", {{"annotations", {{"theirs", "1"}}}}}})},
      {"is deleted", [](World& world, const kube::ResourceType& type,
                        const kube::ObjectKey& key) { world.kube.remove(type, key); }},
  };
  return kMeddlings;
}

TEST_CASE("simulation: what becomes of a child is mended", "[simulation][platform]") {
  for (const kube::ResourceType& type :
       {kube::kDeployments, kube::kServices, kube::kCronJobs, kube::kSecrets}) {
    for (const Meddling& meddling : meddlings()) {
      for (const Watches watches : kAllWatches) {
        World world;
        world.watches = watches;
        world.platform = true;
        INFO("a " << type.kind << " " << meddling.what << ", " << name_of(watches) << " watches");
        provision(world);
        REQUIRE(world.run());
        const kube::ObjectKey key = key_of(world, type);
        const Json before = world.kube.find(type, key);
        const std::size_t begin = world.calls.count();
        meddling.act(world, type, key);
        REQUIRE(world.run());
        REQUIRE(world.run_for(kLater));
        INFO(describe(world, begin));
        must_be_provisioned(world);
        const Json after = world.kube.find(type, key);
        REQUIRE_FALSE(after.is_null());
        CHECK(after.at("metadata").at("ownerReferences") == before.at("metadata").at("ownerReferences"));
        // Of a Secret nothing else is read but what it holds.
        if (type == kube::kSecrets) continue;
        CHECK(after.at("metadata").at("labels") == before.at("metadata").at("labels"));
        CHECK(after.at("spec") == before.at("spec"));
      }
    }
  }
}

}  // namespace
}  // namespace tp::test
