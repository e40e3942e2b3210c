#pragma once

#include <string>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

#include "gateway/teams/team_cache.h"

// What a team has, as the admin API tells it, from its resource's spec and status. PURE.
namespace tp::gateway {

// Name of an object of that kind in the resource's inventory, the one whose name begins so if there are
// several; empty: none.
[[nodiscard]] std::string inventory_name(const TeamResource& resource,
                                         std::string_view kind,
                                         std::string_view prefix = {});

// {name, namespace, schedule, org_id, team_node_id, created}, or null without a schedule.
[[nodiscard]] nlohmann::json pipeline_cronjob(const TeamResource& resource);
[[nodiscard]] nlohmann::json discovery_cronjob(const TeamResource& resource);
// {name, namespace, service_name, service_url, org_id, team_node_id, created}, or null for a shared agent.
[[nodiscard]] nlohmann::json dedicated_deployment(const TeamResource& resource);
// {ok, run: {run_id}, run_id}, or null when there was none.
[[nodiscard]] nlohmann::json pipeline_bootstrap(const TeamResource& resource);

// What goes when the resource is deleted with the policy that `orphan` and `clear` stand for.
[[nodiscard]] nlohmann::json going(const TeamResource& resource, bool orphan, bool clear);

}  // namespace tp::gateway
