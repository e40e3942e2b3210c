#include <chrono>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "crash_loop.h"
#include "crypto/encoding.h"
#include "domain/team_provisioning.h"
#include "support/catch.h"
#include "teams_under_test.h"
#include "world.h"

namespace tp::test {
namespace {

using Json = nlohmann::json;

// Exactly one live token of ours, and the Secret holds it.
void must_hold_the_token(World& world) {
  std::vector<ModelConfigService::Token> ours;
  for (const auto& token : world.config.live_tokens("acme", "checkout")) {
    if (token.issued_by == world.config.subject) ours.push_back(token);
  }
  REQUIRE(ours.size() == 1);
  const auto secrets = world.kube.list(kube::kSecrets);
  REQUIRE(secrets.size() == 1);
  CHECK(secrets.front().at("data").at("token") == crypto::to_base64(ours.front().text()));
}

void must_be_provisioned(World& world) {
  const Json team = world.team(kTeamKey);
  REQUIRE_FALSE(team.is_null());
  for (const Json& condition : team.at("status").at("conditions")) {
    CAPTURE(condition.dump());
    CHECK(condition.at("status") == "True");
  }
  must_hold_the_token(world);
  CHECK(world.config.node("acme", "checkout") != nullptr);
  CHECK(world.config.idle_writes() == 0);
  CHECK(world.pipeline.bootstraps().size() == 1);
}

TEST_CASE("simulation: a team is provisioned, whenever the operator dies", "[simulation][platform]") {
  crash_everywhere(
      {.name = "provisioning", .platform = true, .act = provision, .check = must_be_provisioned});
}

TEST_CASE("simulation: a token is rotated, whenever the operator dies", "[simulation][platform]") {
  crash_everywhere({.name = "rotation",
                    .platform = true,
                    .prepare = provision,
                    .act =
                        [](World& world) {
                          world.annotate(kTeamKey, std::string{domain::kRotateToken}, "1");
                          REQUIRE(world.run_for(std::chrono::minutes{90}));  // the grace period and more
                        },
                    .check =
                        [](World& world) {
                          must_be_provisioned(world);
                          CHECK(world.config.tokens().size() >= 2);
                        }});
}

}  // namespace
}  // namespace tp::test
