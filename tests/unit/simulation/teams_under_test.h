#pragma once

#include <chrono>
#include <vector>

#include <nlohmann/json.hpp>

#include "crypto/encoding.h"
#include "support/catch.h"
#include "world.h"

namespace tp::test {

// Everything that a team can ask of the platform.
inline const nlohmann::json kEverything{
    {"displayName", "Checkout"},
    {"routing", {{"slackChannelIds", {"C1", "C2"}}, {"services", nlohmann::json::array({"checkout"})}}},
    {"config", {{"agents", {{"planner", {{"max_turns", 20}}}}}}},
    {"token", {{"gracePeriod", "4m"}}},
    {"pipeline", {{"schedule", "0 2 * * *"}}},
    {"runtime", {{"mode", "Dedicated"}}},
    {"governance", {{"writeTools", "Approved"}, {"approvedBy", "ciso@acme.example"}}},
};

inline constexpr std::chrono::minutes kGraceAndMore{5};

inline void add_org(World& world) { world.config.add_node("acme", "acme"); }

// A team that has had a life before: a configuration, and a token that somebody issued.
inline void add_former_team(World& world) {
  add_org(world);
  world.config.add_node(
      "acme", "checkout",
      {{"theirs", 1}, {"routing", {{"github_repos", {"acme/shop"}}, {"services", {"old"}}}}});
  world.config.issue("acme", "checkout", "somebody");
}

// What is not the team's stays as it was.
inline void must_have_left_alone(World& world) {
  const nlohmann::json& config = world.config.node("acme", "checkout")->config;
  CHECK(config.at("theirs") == 1);
  CHECK(config.at("routing").at("github_repos") == nlohmann::json{"acme/shop"});
  CHECK_FALSE(world.config.tokens().front().revoked);
}

// Exactly one live token of ours, and the Secret holds it.
inline void must_hold_the_token(World& world) {
  std::vector<ModelConfigService::Token> ours;
  for (const auto& token : world.config.live_tokens("acme", "checkout")) {
    if (token.issued_by == world.config.subject) ours.push_back(token);
  }
  REQUIRE(ours.size() == 1);
  const auto secrets = world.kube.list(kube::kSecrets);
  REQUIRE(secrets.size() == 1);
  CHECK(secrets.front().at("data").at("token") == crypto::to_base64(ours.front().text()));
}

inline void must_be_provisioned(World& world) {
  const nlohmann::json team = world.team(kTeamKey);
  REQUIRE_FALSE(team.is_null());
  for (const nlohmann::json& condition : team.at("status").at("conditions")) {
    CAPTURE(condition.dump());
    CHECK(condition.at("status") == "True");
  }
  must_hold_the_token(world);
  REQUIRE(world.config.node("acme", "checkout") != nullptr);
  CHECK(world.config.idle_writes() == 0);
  CHECK(world.pipeline.bootstraps().size() == 1);
}

inline void provision(World& world) {
  add_org(world);
  world.apply(team_manifest(kEverything));
}

}  // namespace tp::test
