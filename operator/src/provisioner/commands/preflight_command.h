#pragma once

#include <stop_token>
#include <vector>

#include "base/result.h"
#include "log/log.h"
#include "provisioner/commands/checks.h"
#include "provisioner/commands/options.h"

namespace tp::provisioner {

// `team-operator preflight`: whether `run` with the same flags, as the same user, would find what it needs.
// Changes nothing. An Error only for flags that contradict each other.
[[nodiscard]] Result<std::vector<Check>> preflight(const RunOptions& options,
                                                   std::stop_token stop,
                                                   log::Sink& sink);

}  // namespace tp::provisioner
