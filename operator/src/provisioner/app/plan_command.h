#pragma once

#include <string>

#include "base/result.h"
#include "provisioner/app/options.h"

namespace tp::provisioner {

// What `team-operator plan` prints: for each TeamProvisioning of the file, the actions for a cluster that
// holds nothing of the team yet, and the objects as YAML. AgentReleases in the file count as if they were
// there, wherever they stand. InvalidArgument with a line for each thing that is
// wrong.
[[nodiscard]] Result<std::string> plan_file(const PlanOptions& options);

}  // namespace tp::provisioner
