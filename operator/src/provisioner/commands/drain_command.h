#pragma once

#include <functional>
#include <stop_token>
#include <string_view>

#include <nlohmann/json.hpp>

#include "base/result.h"
#include "domain/team_provisioning.h"
#include "log/log.h"
#include "provisioner/commands/options.h"

namespace tp::provisioner {

// What is to be done with one team.
enum class DrainStep {
  None,     // nothing any more
  Release,  // take our finalizer off and pause it, in one write
  Delete,   // ask for its deletion
  Wait,     // until the operator has taken it away
};
// PURE.
[[nodiscard]] DrainStep drain_step(DrainOptions::Mode mode, const domain::TeamProvisioning& team) noexcept;

// PURE. A JSON patch that holds for exactly this version of the team (422 when there is another by now). A
// running operator leaves a paused team alone, so it will not put the finalizer back.
[[nodiscard]] nlohmann::json release_patch(const domain::TeamProvisioning& team, bool has_annotations);

// `team-operator drain`. It goes over all teams until there is nothing to do for any, new ones too. `say`
// hears a line for each team, and a closing count. An Error names what was left.
[[nodiscard]] Status drain(const DrainOptions& options,
                           std::stop_token stop,
                           log::Sink& sink,
                           const std::function<void(std::string_view)>& say);

}  // namespace tp::provisioner
