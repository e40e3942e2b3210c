#pragma once

#include <string>

#include "provisioner/reconcile/observed.h"
#include "provisioner/reconcile/plan.h"

// What the caches say of a team's dedicated runtime. PURE.
namespace tp::provisioner {

// The child in that slot, unless it is being deleted; null when there is none.
[[nodiscard]] const Child* find_child(const Observed& observed, Slot slot);

enum class Rollout { Absent, Progressing, Failed, Unavailable, Complete };

// As `kubectl rollout status` reads the team's Deployment, and further: a finished roll-out that has lost
// replicas is Unavailable. An autoscaler changes the number all the time: there its minimum is enough.
[[nodiscard]] Rollout rollout_of(const Observed& observed);

// Enough agents answer, be they of the old or the new revision.
[[nodiscard]] bool is_available(const Observed& observed);

// Where the team's runs are to be sent; empty for the shared agent. Published only once the agent can answer;
// not withdrawn because it hiccups.
[[nodiscard]] std::string runtime_url(const Observed& observed, const Plan& plan);

}  // namespace tp::provisioner
