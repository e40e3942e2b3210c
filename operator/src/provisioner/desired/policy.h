#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "domain/parse_team.h"
#include "domain/team_provisioning.h"
#include "provisioner/desired/build_context.h"

namespace tp::provisioner {

// What the schema cannot know, since each platform decides it: reserved names, registries that images may
// come from, Secrets that a team's pods may read. The chart's ValidatingAdmissionPolicy says the same of the
// first two, in the same words, when a team is written; this catches what was written before it.
[[nodiscard]] std::vector<domain::FieldError> check_policy(const domain::TeamProvisioning& team,
                                                           const BuildContext& build);

// The image with its registry, as container runtimes complete it: "agent" is docker.io/library/agent.
[[nodiscard]] std::string with_registry(std::string_view image);

}  // namespace tp::provisioner
