#pragma once

#include <optional>
#include <string>

#include <nlohmann/json_fwd.hpp>

#include "domain/team_provisioning.h"
#include "provisioner/desired/build_context.h"

namespace tp::provisioner {

// With pipeline.source ConfigService both schedules are those of status.schedules, and discovery is there for
// a schedule alone, unless the spec turns it off.

// The AI pipeline's CronJob; nothing without a schedule.
[[nodiscard]] std::optional<nlohmann::json> build_pipeline_cron_job(const domain::TeamProvisioning& team,
                                                                    const BuildContext& build,
                                                                    const std::string& name);

// Dependency discovery's CronJob; nothing without a schedule or when it is off.
[[nodiscard]] std::optional<nlohmann::json> build_discovery_cron_job(const domain::TeamProvisioning& team,
                                                                     const BuildContext& build,
                                                                     const std::string& name);

}  // namespace tp::provisioner
