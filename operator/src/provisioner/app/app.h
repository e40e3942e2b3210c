#pragma once

#include <stop_token>

#include "base/result.h"
#include "provisioner/app/options.h"

namespace tp::provisioner {

// The composition root: the one place that names concrete adapters. Runs the operator until `stop` is
// requested and then winds it down in the order opposite to its start: reconciles that run are finished, then
// the watches end. An Error only for what an administrator must change first (a kubeconfig that cannot be
// read, an address that is taken); everything that may pass by itself (no API server, no CRD) is waited for,
// said in the log and in /readyz.
[[nodiscard]] Status run_operator(const RunOptions& options, std::stop_token stop, log::Sink& sink);

}  // namespace tp::provisioner
