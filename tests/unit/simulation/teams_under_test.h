#pragma once

#include <nlohmann/json.hpp>

#include "world.h"

namespace tp::test {

// Everything that a team can ask of the platform.
inline const nlohmann::json kEverything{
    {"displayName", "Checkout"},
    {"routing", {{"slackChannelIds", {"C1", "C2"}}, {"services", nlohmann::json::array({"checkout"})}}},
    {"config", {{"agents", {{"planner", {{"max_turns", 20}}}}}}},
    {"token", {{"gracePeriod", "1h"}}},
    {"pipeline", {{"schedule", "0 2 * * *"}}},
    {"runtime", {{"mode", "Dedicated"}}},
    {"governance", {{"writeTools", "Approved"}, {"approvedBy", "ciso@acme.example"}}},
};

inline void add_org(World& world) { world.config.add_node("acme", "acme"); }

inline void provision(World& world) {
  add_org(world);
  world.apply(team_manifest(kEverything));
}

}  // namespace tp::test
