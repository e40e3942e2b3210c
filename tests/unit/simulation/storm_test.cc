// Somebody who changes back what the operator repairs.

#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "domain/team_provisioning.h"
#include "support/catch.h"
#include "world.h"

namespace tp::test {
namespace {

using namespace std::chrono_literals;
using Json = nlohmann::json;

const Json kDedicated{{"runtime", {{"mode", "Dedicated"}, {"dedicated", {{"replicas", 2}}}}}};
const kube::ObjectKey kAgent{kTeamKey.ns, "agent-dedicated-acme-checkout"};

Json condition(World& world, const std::string& type) {
  const Json team = world.team(kTeamKey);
  for (const Json& candidate : team.at("status").at("conditions")) {
    if (candidate.at("type") == type) return candidate;
  }
  return {};
}

// Every second, as long as it lasts, somebody writes `patch` to the object.
void fight(World& world,
           const kube::ResourceType& type,
           const kube::ObjectKey& key,
           const Json& patch,
           std::chrono::seconds lasts) {
  for (std::chrono::seconds at = 0s; at < lasts; at += 1s) {
    world.kube.edit(type, key, patch);
    world.pass(1s);
  }
}

// How often an object of that kind was changed since a version of the world, whoever did it.
std::size_t changes(const World& world, const std::string& resource, std::uint64_t since) {
  std::size_t count = 0;
  for (const auto& change : world.kube.history()) {
    if (change.version > since && change.resource == resource) ++count;
  }
  return count;
}

std::size_t repairs(const World& world, std::uint64_t since) {
  std::size_t count = 0;
  for (const auto& change : world.kube.history()) {
    const bool there = !change.before.is_null() && !change.after.is_null();
    if (change.version <= since || change.resource != "deployments.apps" || !there) continue;
    if (change.before.at("spec").at("replicas") == 7 && change.after.at("spec").at("replicas") != 7) ++count;
  }
  return count;
}

struct Fixture {
  Fixture() {
    world.apply(team_manifest(kDedicated));
    REQUIRE(world.run());
  }

  World world;
};

const Json kSeven{{"spec", {{"replicas", 7}}}};

TEST_CASE("simulation: who fights over one field is answered once in 30 s", "[simulation]") {
  Fixture f;
  fight(f.world, kube::kDeployments, kAgent, kSeven, 2min);
  const Json open = condition(f.world, "Responsive");
  REQUIRE(open.is_object());
  CHECK(open.at("status") == "False");
  CHECK(open.at("reason") == "WriteStorm");
  const std::string said = open.at("message").get<std::string>();
  CHECK(said.find("Deployment") != std::string::npos);
  CHECK(said.find("field manager kubectl") != std::string::npos);

  const std::uint64_t since = f.world.kube.version();
  fight(f.world, kube::kDeployments, kAgent, kSeven, 15min);
  CHECK(repairs(f.world, since) >= 29);
  CHECK(repairs(f.world, since) <= 30);
  CHECK(changes(f.world, "teamprovisionings.incidentfox.io", since) <= 1);

  // It ends.
  f.world.pass(31s);
  CHECK(f.world.kube.find(kube::kDeployments, kAgent).at("spec").at("replicas") == 2);
  f.world.pass(5min);
  CHECK(condition(f.world, "Responsive").is_null());
  CHECK(condition(f.world, "Ready").at("status") == "True");
}

TEST_CASE("simulation: an edit of a team is followed while somebody fights over its children",
          "[simulation]") {
  Fixture f;
  fight(f.world, kube::kDeployments, kAgent, kSeven, 2min);
  REQUIRE(condition(f.world, "Responsive").is_object());
  Json asked = kDedicated;
  for (int replicas : {3, 4, 5}) {
    asked["runtime"]["dedicated"]["replicas"] = replicas;
    f.world.apply(team_manifest(asked));
    f.world.pass(0s);
    CHECK(f.world.kube.find(kube::kDeployments, kAgent).at("spec").at("replicas") == replicas);
    fight(f.world, kube::kDeployments, kAgent, kSeven, 1s);
  }
  f.world.annotate(kTeamKey, "incidentfox.io/requestedAt", "now");
  f.world.pass(0s);
  CHECK(f.world.kube.find(kube::kDeployments, kAgent).at("spec").at("replicas") == 5);
  CHECK(f.world.team(kTeamKey).at("status").at("lastHandledReconcileAt") == "now");
  // And it goes when it is deleted.
  fight(f.world, kube::kDeployments, kAgent, kSeven, 1s);
  f.world.remove(kTeamKey);
  f.world.pass(1s);
  CHECK(f.world.team(kTeamKey).is_null());
}

TEST_CASE("simulation: a fight over the status is answered once in 30 s", "[simulation]") {
  Fixture f;
  const Json lie{{"status", {{"serviceUrl", "http://elsewhere"}}}};
  fight(f.world, domain::kTeamProvisionings, kTeamKey, lie, 3min);
  const std::uint64_t since = f.world.kube.version();
  fight(f.world, domain::kTeamProvisionings, kTeamKey, lie, 5min);
  // Each is a change of theirs and one of ours.
  CHECK(changes(f.world, "teamprovisionings.incidentfox.io", since) <= 2 * 11);
  f.world.pass(6min);
  CHECK(condition(f.world, "Responsive").is_null());
  CHECK(f.world.team(kTeamKey).at("status").at("serviceUrl") != "http://elsewhere");
}

TEST_CASE("simulation: many changes of a team, one after the other, are no storm", "[simulation]") {
  Fixture f;
  for (int replicas = 1; replicas <= 200; ++replicas) {
    Json asked = kDedicated;
    asked["runtime"]["dedicated"]["replicas"] = 1 + replicas % 2;
    f.world.apply(team_manifest(asked));
    f.world.pass(0s);
    REQUIRE(f.world.kube.find(kube::kDeployments, kAgent).at("spec").at("replicas") == 1 + replicas % 2);
  }
  REQUIRE(f.world.run());
  CHECK(condition(f.world, "Responsive").is_null());
}

}  // namespace
}  // namespace tp::test
