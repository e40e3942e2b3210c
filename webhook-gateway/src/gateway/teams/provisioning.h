#pragma once

#include <string>
#include <vector>

#include "base/clock.h"
#include "base/context.h"
#include "base/random.h"
#include "base/result.h"
#include "gateway/teams/edits.h"
#include "gateway/teams/run_watch.h"
#include "gateway/teams/runs.h"
#include "gateway/teams/team_cache.h"
#include "gateway/teams/team_editor.h"

namespace tp::gateway {

// What somebody wants to be changed about a team.
struct ProvisioningRequest {
  TeamRef team;
  RunKind kind = RunKind::Provision;
  std::string key{};                    // the caller's idempotency key; empty: none
  std::vector<Edit> edits{};            // to the resource; before its deletion, if that is asked for
  std::vector<std::string> channels{};  // Slack channels that the edits claim
};

// Turns requests into TeamProvisionings and runs: the one way in, for the admin API and for events.
// Thread-safe.
class Provisioning {
 public:
  // All must outlive it.
  Provisioning(TeamCache& cache,
               const TeamEditor& editor,
               ProvisioningRuns& runs,
               RunWatch& watch,
               const Clock& clock,
               Rng& rng);

  // The run that has begun, or was begun before with this key. What is refused for good is a run that failed,
  // with the error: those of TeamEditor, and Conflict for a channel that another team has. Other errors: it
  // could not be begun, and nothing is recorded.
  [[nodiscard]] Result<ProvisioningRuns::Begun> begin(const Context& ctx, const ProvisioningRequest& request);

 private:
  [[nodiscard]] Result<TeamResourcePointer> perform(const Context& ctx,
                                                    const ProvisioningRequest& request,
                                                    const std::string& run_id) const;
  [[nodiscard]] Status check_channels(const ProvisioningRequest& request) const;

  TeamCache& cache_;
  const TeamEditor& editor_;
  ProvisioningRuns& runs_;
  RunWatch& watch_;
  const Clock& clock_;
  Rng& rng_;
};

}  // namespace tp::gateway
