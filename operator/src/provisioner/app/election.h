#pragma once

#include <string>
#include <vector>

#include "base/random.h"
#include "kube/leader/elector.h"
#include "provisioner/app/options.h"

namespace tp::provisioner {

// The Lease of the operators that serve these teams: "team-operator" for those that serve all, and with a
// digest behind it for those that serve some, so that several groups of them can share a namespace. The chart
// works out the same name for its Role.
[[nodiscard]] std::string lease_name(std::vector<std::string> namespaces, const std::string& label_selector);

// How a process on `host` takes part in the election. `own_namespace`: where it runs.
[[nodiscard]] kube::Election make_election(const RunOptions& options,
                                           const std::string& own_namespace,
                                           const std::string& host,
                                           Rng& rng);

}  // namespace tp::provisioner
