#pragma once

#include <nlohmann/json_fwd.hpp>

#include "domain/team_provisioning.h"
#include "json/document.h"

namespace tp::domain {

// The status of a team as the API has it, in both directions: what was written reads back as the same, down
// to the microsecond. Only we write it, behind the schema of the status, so it is read without being checked,
// and what a texts's bound there is (crds/) is up to who fills it in.
[[nodiscard]] TeamStatus read_status(json::View status);

// conditions, observedGeneration, and the rest where not empty.
[[nodiscard]] nlohmann::json status_to_json(const TeamStatus& status);

}  // namespace tp::domain
