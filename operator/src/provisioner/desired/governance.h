#pragma once

#include <nlohmann/json_fwd.hpp>

#include "domain/team_provisioning.h"

namespace tp::provisioner {

// What spec.governance means for the pods of a dedicated agent. Without it, nothing of this.

// INCIDENTFOX_WRITE_TOOLS, and where there is a sink INCIDENTFOX_AUDIT_SINK_URL and _TOKEN. A team cannot set
// them itself: the schema keeps that prefix for the operator.
[[nodiscard]] nlohmann::json governance_env(const domain::TeamProvisioning& team);

// `affinity` (core/v1 Affinity, or null) as far as the regions of the team's data allow; null where neither
// says anything.
[[nodiscard]] nlohmann::json within_regions(nlohmann::json affinity, const domain::TeamProvisioning& team);

// The ranges that alone may be reached, as peers of a NetworkPolicy; null when the team names none.
[[nodiscard]] nlohmann::json egress_peers(const domain::TeamProvisioning& team);

}  // namespace tp::provisioner
