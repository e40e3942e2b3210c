#pragma once

#include "domain/schema.h"

namespace tp::domain {

// The schema of a whole TeamProvisioning, as crds/teamprovisionings.yaml has it: structure, bounds and CEL
// rules with their messages. Not in it: metadata and status, which the API server and the operator write, and
// the rules about changes (immutable ids), which need the old object.
[[nodiscard]] const Schema& team_schema() noexcept;

// The same of an AgentRelease, as crds/agentreleases.yaml has it.
[[nodiscard]] const Schema& release_schema() noexcept;

}  // namespace tp::domain
