#include <algorithm>
#include <chrono>
#include <cstddef>
#include <string>

#include <nlohmann/json.hpp>

#include "crash_loop.h"
#include "domain/team_provisioning.h"
#include "support/catch.h"
#include "teams_under_test.h"
#include "world.h"

namespace tp::test {
namespace {

using Json = nlohmann::json;

void rotate(World& world) {
  world.annotate(kTeamKey, std::string{domain::kRotateToken}, "1");
  REQUIRE(world.run_for(kGraceAndMore));
}

TEST_CASE("simulation: a team is provisioned, whenever the operator dies", "[simulation][platform]") {
  crash_everywhere({.name = "provisioning",
                    .platform = true,
                    .act = provision,
                    .check = must_be_provisioned,
                    .thorough = true});
}

TEST_CASE("simulation: a team that was there before is taken over", "[simulation][platform]") {
  crash_everywhere({.name = "taking over",
                    .platform = true,
                    .act =
                        [](World& world) {
                          add_former_team(world);
                          world.apply(team_manifest(kEverything));
                        },
                    .check =
                        [](World& world) {
                          must_be_provisioned(world);
                          must_have_left_alone(world);
                        }});
}

TEST_CASE("simulation: a token is rotated, whenever the operator dies", "[simulation][platform]") {
  crash_everywhere({.name = "rotation",
                    .platform = true,
                    .prepare =
                        [](World& world) {
                          add_former_team(world);
                          world.apply(team_manifest(kEverything));
                        },
                    .act = rotate,
                    .check =
                        [](World& world) {
                          must_be_provisioned(world);
                          must_have_left_alone(world);
                          CHECK(world.config.tokens().size() >= 3);
                        }});
}

TEST_CASE("simulation: a team gives its own runtime up, whenever the operator dies",
          "[simulation][platform]") {
  crash_everywhere({.name = "change",
                    .platform = true,
                    .prepare = provision,
                    .act =
                        [](World& world) {
                          Json spec = kEverything;
                          spec["runtime"] = {{"mode", "Shared"}};
                          spec["routing"] = {{"slackChannelIds", Json::array()}};
                          world.apply(team_manifest(spec));
                        },
                    .check =
                        [](World& world) {
                          must_be_provisioned(world);
                          CHECK(world.kube.list(kube::kDeployments).empty());
                          const Json& config = world.config.node("acme", "checkout")->config;
                          CHECK(config.at("agent").at("dedicated_service_url").is_null());
                          CHECK(config.at("routing").at("slack_channel_ids").empty());
                          CHECK(config.at("routing").at("services").size() == 1);  // released
                        }});
}

TEST_CASE("simulation: a token Secret that is deleted or edited is replaced", "[simulation][platform]") {
  const bool deleted = GENERATE(true, false);
  crash_everywhere({.name = deleted ? "deleted Secret" : "edited Secret",
                    .platform = true,
                    .prepare = provision,
                    .act =
                        [&](World& world) {
                          const kube::ObjectKey secret{kTeamKey.ns, "team-token-acme-checkout"};
                          REQUIRE_FALSE(world.kube.find(kube::kSecrets, secret).is_null());
                          if (deleted) {
                            world.kube.remove(kube::kSecrets, secret);
                          } else {
                            world.kube.edit(kube::kSecrets, secret, {{"data", {{"token", "cGxhbnRlZA=="}}}});
                          }
                          REQUIRE(world.run_for(kGraceAndMore));
                        },
                    .check = must_be_provisioned});
}

// Also one that comes to light while we look for leftovers of our own.
TEST_CASE("simulation: a token that somebody else issues meanwhile is left alone", "[simulation][platform]") {
  World whole;
  whole.platform = true;
  provision(whole);
  REQUIRE(whole.run());
  const std::size_t calls = whole.calls.count();
  for (std::size_t i = 0; i < calls; ++i) {
    World world;
    world.platform = true;
    world.calls.before(i, [&] { world.config.issue("acme", "checkout", "somebody"); });
    INFO("somebody issues a token before call " << i);
    provision(world);
    REQUIRE(world.run());
    REQUIRE(world.run_for(kLater));
    must_be_provisioned(world);
    for (const auto& token : world.config.tokens()) CHECK_FALSE(token.revoked);
  }
}

// With a principal that others use too, nothing tells our tokens from theirs.
TEST_CASE("simulation: a shared principal revokes nothing", "[simulation][platform]") {
  World reference;
  const auto act = [](World& world) {
    world.platform = true;
    world.config.subject.clear();
    add_org(world);
    Json spec = kEverything;
    spec["token"] = {{"gracePeriod", "24h"}};
    world.apply(team_manifest(spec));
    REQUIRE(world.run());
    world.annotate(kTeamKey, std::string{domain::kRotateToken}, "1");
    REQUIRE(world.run());
  };
  act(reference);
  for (std::size_t i = 0; i < reference.calls.count(); ++i) {
    World world;
    world.calls.crash_at(i, true);
    INFO("dies after call " << i);
    act(world);
    INFO(describe(world, 0));
    for (const auto& token : world.config.tokens()) CHECK_FALSE(token.revoked);
    const auto secrets = world.kube.list(kube::kSecrets);
    REQUIRE(secrets.size() == 1);
    const auto live = world.config.live_tokens("acme", "checkout");
    CHECK(std::any_of(live.begin(), live.end(), [&](const auto& token) {
      return secrets.front().at("data").at("token") == crypto::to_base64(token.text());
    }));
  }
}

TEST_CASE("simulation: a team that is half made can still be changed", "[simulation][platform]") {
  const bool dies = GENERATE(false, true);
  Json shared = kEverything;
  shared["runtime"] = {{"mode", "Shared"}};
  World whole;
  whole.platform = true;
  provision(whole);
  REQUIRE(whole.run());
  const std::size_t calls = whole.calls.count();
  for (std::size_t i = 0; i < calls; ++i) {
    World world;
    world.platform = true;
    INFO("changed before call " << i << (dies ? ", where the operator dies" : ""));
    provision(world);
    if (dies) {
      world.calls.crash_at(i, i % 2 == 0);
      while (!world.calls.dead()) REQUIRE(world.run_until_call(i + 1));
      world.apply(team_manifest(shared));
    } else {
      world.calls.before(i, [&] { world.apply(team_manifest(shared)); });
    }
    REQUIRE(world.run());
    REQUIRE(world.run_for(kLater));
    INFO(describe(world, 0));
    check_invariants(world);
    must_be_provisioned(world);
    CHECK(world.kube.list(kube::kDeployments).empty());
  }
}

}  // namespace
}  // namespace tp::test
