#include <string>

#include <nlohmann/json.hpp>

#include "crash_loop.h"
#include "domain/agent_release.h"
#include "domain/team_provisioning.h"
#include "support/catch.h"
#include "world.h"

namespace tp::test {
namespace {

using Json = nlohmann::json;

void add_release(World& world, const std::string& name, bool marked = false) {
  Json release{{"apiVersion", domain::kAgentReleases.api_version()},
               {"kind", domain::kAgentReleases.kind},
               {"metadata", {{"name", name}, {"annotations", Json::object()}}},
               {"spec", {{"agentImage", "agent:" + name}, {"pipelineImage", "pipeline:" + name}}}};
  if (marked) release["metadata"]["annotations"][std::string{domain::kIsDefaultRelease}] = "true";
  world.kube.apply(domain::kAgentReleases, release, "kubectl");
}

void add_team(World& world, const std::string& release) {
  Json spec{{"pipeline", {{"schedule", "0 2 * * *"}}}, {"runtime", {{"mode", "Dedicated"}}}};
  if (!release.empty()) spec["release"] = release;
  world.apply(team_manifest(spec));
}

std::string image(World& world) {
  const auto deployments = world.kube.list(kube::kDeployments);
  REQUIRE(deployments.size() == 1);
  return deployments.front().at("spec").at("template").at("spec").at("containers").at(0).at("image");
}

std::string reason(World& world) {
  const Json team = world.team(kTeamKey);
  for (const Json& condition : team.at("status").at("conditions")) {
    if (condition.at("type") == "Ready") return condition.at("reason");
  }
  return {};
}

TEST_CASE("simulation: an upgrade survives every crash", "[simulation]") {
  for (const bool platform : {false, true}) {
    crash_everywhere({.name = "upgrade",
                      .platform = platform,
                      .prepare =
                          [](World& world) {
                            world.config.add_node("acme", "acme");
                            add_release(world, "v1");
                            add_release(world, "v2");
                            add_team(world, "v1");
                          },
                      .act = [](World& world) { add_team(world, "v2"); },
                      .check =
                          [](World& world) {
                            CHECK(image(world) == "agent:v2");
                            const Json status = world.team(kTeamKey).at("status");
                            CHECK(status.at("previousRelease") == "v1");
                            CHECK(status.at("releaseRollout").at("phase") == "Complete");
                            CHECK(reason(world) == "Provisioned");
                          },
                      .thorough = !platform});
  }
}

TEST_CASE("simulation: a release that fails is taken back once, whenever the operator dies", "[simulation]") {
  crash_everywhere({.name = "rollback",
                    .prepare =
                        [](World& world) {
                          add_release(world, "v1");
                          add_release(world, "broken");
                          add_team(world, "v1");
                        },
                    .act = [](World& world) { add_team(world, "broken"); },
                    .check =
                        [](World& world) {
                          CHECK(image(world) == "agent:v1");
                          CHECK(reason(world) == "RolledBack");
                          const Json rollout = world.team(kTeamKey).at("status").at("releaseRollout");
                          CHECK(rollout.at("failedRelease") == "broken");
                        },
                    .thorough = true});
}

TEST_CASE("simulation: teams follow the mark", "[simulation]") {
  crash_everywhere({.name = "default",
                    .prepare =
                        [](World& world) {
                          add_release(world, "v1", true);
                          add_team(world, "");
                        },
                    .act =
                        [](World& world) {
                          // Of two marks made in one second the later name counts.
                          add_release(world, "v2", true);
                        },
                    .check = [](World& world) { CHECK(image(world) == "agent:v2"); }});
}

}  // namespace
}  // namespace tp::test
