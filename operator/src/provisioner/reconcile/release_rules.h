#pragma once

#include <functional>
#include <string>

#include "domain/agent_release.h"
#include "domain/team_provisioning.h"
#include "provisioner/reconcile/observed.h"
#include "provisioner/reconcile/runtime_state.h"

// When a team moves from one AgentRelease to another, and when back. PURE.
//
//   first pass ----------------------------> Complete, on what it is to run
//   Complete    -- it is to run another ---> Progressing, that one active
//   Progressing -- all agents are ready ---> Complete
//               -- the deadline passed ----> RolledBack, the one before active again
//   RolledBack  -- another spec, a request
//                  or another release -----> Progressing
//
// The decision is written to the status before any child changes, and the children are made from what the
// status says: a crash in between repeats nothing and forgets nothing. A team that names its release moves at
// once, and so does one that is asked for (requestedAt); one that follows the default waits for its turn. A
// team without a Deployment has nothing to wait for and is Complete at once.
namespace tp::provisioner {

// What matters to a team, of all releases that there are.
using FindRelease = std::function<ReleasePointer(const std::string& name)>;  // null when there is none
[[nodiscard]] Releases releases_for(const domain::TeamProvisioning& team,
                                    const FindRelease& find,
                                    const ReleasePointer& default_release);

// The status' release, but for a team that has nothing yet, or whose release is gone: that begins with the
// one that it is to run.
[[nodiscard]] domain::ReleaseStatus current_release(const Observed& observed);

// The object that the children are made from; null for the operator's own images, and when it is gone.
[[nodiscard]] const domain::AgentRelease* release_object(const Observed& observed, const std::string& name);

// What the status says next. `applied`: the live Deployment is the one that `current` wants; `rollout`: how
// far it is.
[[nodiscard]] domain::ReleaseStatus next_release(const Observed& observed,
                                                 const domain::ReleaseStatus& current,
                                                 bool applied,
                                                 Rollout rollout);

// Whether we have made nothing for it yet, be it that something was in the way.
[[nodiscard]] bool is_first_pass(const Observed& observed);

// Whether it follows the default and would move if it were its turn.
[[nodiscard]] bool wants_turn(const Observed& observed);

// "AgentRelease v2", or what an empty name means.
[[nodiscard]] std::string describe_release(const std::string& name);

}  // namespace tp::provisioner
