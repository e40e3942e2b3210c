#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "domain/team_provisioning.h"
#include "provisioner/desired/build_context.h"
#include "provisioner/desired/owned_kinds.h"

namespace tp::provisioner {

// Where the children live: the names, the pod selector, and how many pods there are. For what exists already
// they are what they are (an adopted object keeps them); the rest is made by the naming rules.
struct Layout {
  std::array<std::string, kSlotCount> names;
  nlohmann::json selector;               // label map of the agent's pods
  std::optional<std::int64_t> replicas;  // of the agent; nothing: somebody else decides

  [[nodiscard]] const std::string& name(Slot slot) const { return names.at(static_cast<std::size_t>(slot)); }
};

// The layout of a team that has nothing yet.
[[nodiscard]] Layout default_layout(const domain::TeamProvisioning& team);

struct DesiredChild {
  Slot slot;
  nlohmann::json object;  // an apply configuration

  [[nodiscard]] kube::ObjectKey key() const;
};

struct DesiredState {
  std::vector<DesiredChild> children;         // in the order of Slot; a slot that is not here must not exist
  std::vector<std::string> service_accounts;  // names that the children's pods need in the namespace; sorted
};

// PURE. What the team should have: from its spec, and from its status the schedules that are kept elsewhere.
[[nodiscard]] DesiredState desired_state(const domain::TeamProvisioning& team,
                                         const BuildContext& build,
                                         const Layout& layout);

// A ServiceAccount of the platform, made where it is missing: nobody's child, since several teams share it.
[[nodiscard]] nlohmann::json service_account(const std::string& ns, const std::string& name);

}  // namespace tp::provisioner
