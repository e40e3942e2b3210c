#include <string>

#include <nlohmann/json.hpp>

#include "crash_loop.h"
#include "domain/team_provisioning.h"
#include "kube/core/condition.h"
#include "support/catch.h"
#include "world.h"

namespace tp::test {
namespace {

using Json = nlohmann::json;

const Json kDedicated{
    {"pipeline", {{"schedule", "0 2 * * *"}}},
    {"runtime", {{"mode", "Dedicated"}, {"dedicated", {{"replicas", 2}, {"networkIsolation", "Enabled"}}}}}};
const Json kOrphan{{"deletionPolicy", {{"children", "Orphan"}}}};

Json with(Json spec, const Json& more) {
  spec.update(more);
  return spec;
}

void must_be_ready(World& world) {
  const Json team = world.team(kTeamKey);
  REQUIRE_FALSE(team.is_null());
  for (const Json& condition : team.at("status").at("conditions")) {
    CAPTURE(condition.dump());
    CHECK(condition.at("status") == "True");
  }
}

TEST_CASE("simulation: children survive every crash of their creation", "[simulation]") {
  crash_everywhere({.name = "creation",
                    .act = [](World& world) { world.apply(team_manifest(kDedicated)); },
                    .check = must_be_ready,
                    .thorough = true});
}

TEST_CASE("simulation: children survive every crash of a change", "[simulation]") {
  crash_everywhere({.name = "change",
                    .prepare = [](World& world) { world.apply(team_manifest(kDedicated)); },
                    .act =
                        [](World& world) {
                          world.apply(
                              team_manifest({{"pipeline", {{"schedule", "30 3 * * *"}}},
                                             {"dependencyDiscovery", {{"schedule", "0 */6 * * *"}}}}));
                        },
                    .check =
                        [](World& world) {
                          must_be_ready(world);
                          CHECK(world.kube.list(kube::kDeployments).empty());
                          CHECK(world.kube.list(kube::kCronJobs).size() == 2);
                        }});
}

TEST_CASE("simulation: children go with their team, whenever the operator dies", "[simulation]") {
  crash_everywhere({.name = "deletion",
                    .prepare = [](World& world) { world.apply(team_manifest(with(kDedicated, kOrphan))); },
                    .act = [](World& world) { world.remove(kTeamKey); },
                    .check =
                        [](World& world) {
                          CHECK(world.team(kTeamKey).is_null());
                          CHECK(world.kube.list(kube::kDeployments).size() == 1);
                          for (const Json& service : world.kube.list(kube::kServices)) {
                            CHECK_FALSE(service.at("metadata").contains("ownerReferences"));
                          }
                        }});
}

}  // namespace
}  // namespace tp::test
