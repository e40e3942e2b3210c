#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "provisioner/app/options.h"
#include "provisioner/commands/checks.h"

namespace tp::provisioner {

// One thing that the operator must be allowed to do; the question of a SelfSubjectAccessReview.
struct Permission {
  std::string verb{};
  std::string group{};  // empty: the core group
  std::string resource{};
  std::string subresource{};
  std::string ns{};    // empty: everywhere
  std::string name{};  // empty: of any name

  friend bool operator==(const Permission&, const Permission&) = default;
};

// PURE. What rules grant, a permission for each verb, resource and namespace; no namespaces: everywhere.
// `rules` is a list of PolicyRules in YAML. InvalidArgument for what has no such list: names, wildcards,
// URLs.
[[nodiscard]] Result<std::vector<Permission>> permissions_of(std::string_view rules,
                                                             const std::vector<std::string>& namespaces);

// Everything that the operator needs with these settings, from the rules that the chart grants.
// `own_namespace`: where it runs.
[[nodiscard]] Result<std::vector<Permission>> needed_permissions(const RunOptions& options,
                                                                 const std::string& own_namespace);

struct Answer {
  Permission permission;
  bool allowed = false;
};
// PURE. A check for each missing one, and one for what is granted of a resource.
[[nodiscard]] std::vector<Check> judge(const std::vector<Answer>& answers);

}  // namespace tp::provisioner
