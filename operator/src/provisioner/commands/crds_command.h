#pragma once

#include <functional>
#include <stop_token>
#include <string>
#include <string_view>

#include "base/result.h"
#include "log/log.h"
#include "provisioner/commands/options.h"

namespace tp::provisioner {

// `team-operator crds apply`: makes the cluster's definitions those of this program, by server-side apply
// under a field manager of their own and with force, and waits until they are served. `say` hears a line for
// each: created, configured or unchanged.
[[nodiscard]] Status apply_definitions(const CrdsOptions& options,
                                       std::stop_token stop,
                                       log::Sink& sink,
                                       const std::function<void(std::string_view)>& say);

// `team-operator crds diff`: what `apply` would change, as `kubectl diff --server-side` finds it: by a trial
// that the API server does not keep. Empty: nothing.
[[nodiscard]] Result<std::string> diff_definitions(const CrdsOptions& options,
                                                   std::stop_token stop,
                                                   log::Sink& sink);

// `team-operator crds print`: as they are in the repository.
[[nodiscard]] std::string print_definitions();

}  // namespace tp::provisioner
