#pragma once

#include <optional>
#include <string_view>

#include "base/clock.h"
#include "domain/team_provisioning.h"
#include "provisioner/reconcile/execute.h"
#include "provisioner/reconcile/observed.h"
#include "provisioner/reconcile/plan.h"
#include "provisioner/reconcile/platform_steps.h"

namespace tp::provisioner {

// PURE. The status after a pass: what was planned, what came of it, and what the caches say now.
//
// kstatus, `kubectl wait`, Argo CD and Flux read the conditions like this: Stalled=True is failed (until
// somebody acts), Reconciling=True is in progress, otherwise Ready tells. So at most one of Stalled and
// Reconciling is there, Ready is False beside either and has its reason and message, and both are removed
// rather than set to False. A condition that does not apply to the team is absent. `now` (RFC 3339) becomes
// the transition time of what changed.
[[nodiscard]] domain::TeamStatus make_status(const Observed& observed,
                                             const Plan& plan,
                                             const Outcome& outcome,
                                             const PlatformReport& report,
                                             std::string_view now);

// PURE. The status of a team that goes, and whose deletion waits for the services.
[[nodiscard]] domain::TeamStatus make_farewell_status(const Observed& observed,
                                                      const PlatformReport& report,
                                                      std::string_view now);

// When status.lastRun fails unless it has ended; nothing when it has.
[[nodiscard]] std::optional<WallTime> run_deadline(const domain::TeamStatus& status);

}  // namespace tp::provisioner
