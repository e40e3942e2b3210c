#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include <nlohmann/json.hpp>

#include "base/clock.h"
#include "gateway/admin/frame.h"
#include "gateway/platform/team.h"
#include "gateway/teams/provisioning.h"
#include "gateway/teams/run_watch.h"
#include "gateway/teams/team_cache.h"

namespace tp::gateway {

// What became of the wish that a team's schedules are read anew.
struct CronjobsSync {
  enum class Outcome : std::uint8_t {
    Synced,
    Asked,      // the operator has not come to it yet
    Failed,     // it could not do it: see `error`
    SpecOwned,  // the schedules are in the team's resource, and the Config Service has no say
    NoTeam,     // there is no such resource
  };
  Outcome outcome = Outcome::Synced;
  // Of Synced, what there is now: {name, namespace, schedule, org_id, team_node_id, created}; null: none.
  nlohmann::json ai_pipeline{};
  nlohmann::json dependency_discovery{};
  std::string error{};
};

// Has the operator read the schedules of a team anew, and waits until it has, as long as the context says.
// `done` is called once, on any thread. An Error: the API server cannot be asked.
using SyncCronjobs =
    std::function<void(const Context&, const TeamRef&, std::function<void(Result<CronjobsSync>)> done)>;

// By a run of kind sync: a mark on the team's resource that the operator answers in its status. All must
// outlive it.
[[nodiscard]] SyncCronjobs sync_by_operator(const TeamCache& teams,
                                            Provisioning& provisioning,
                                            RunWatch& runs,
                                            const Clock& clock);

// The admin API's routes for that: one for administrators, and one for teams with their own token.
[[nodiscard]] AdminRoutes sync_cronjobs_routes(const SyncCronjobs& sync);

}  // namespace tp::gateway
