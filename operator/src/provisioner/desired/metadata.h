#pragma once

#include <string>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

#include "domain/team_provisioning.h"
#include "provisioner/desired/owned_kinds.h"

namespace tp::provisioner {

inline constexpr std::string_view kFieldManager = "team-operator";
inline constexpr std::string_view kManagedByLabel = "app.kubernetes.io/managed-by";
inline constexpr std::string_view kManagedByUs = "team-operator";
// The service that came before; its objects are adopted.
inline constexpr std::string_view kManagedByLegacy = "incidentfox-orchestrator";
inline constexpr std::string_view kAppLabel = "app.kubernetes.io/name";
inline constexpr std::string_view kComponentLabel = "app.kubernetes.io/component";
// As labels: values that are injective in the id (domain/naming.h). As annotations: the raw ids.
inline constexpr std::string_view kOrgKey = "incidentfox.io/org-id";
inline constexpr std::string_view kTeamKey = "incidentfox.io/team-node-id";
inline constexpr std::string_view kModeLabel = "incidentfox.io/deployment-mode";

// Labels of everything that belongs to a team.
[[nodiscard]] nlohmann::json team_labels(const domain::TeamProvisioning& team);

// Labels of a child, of its pods too.
[[nodiscard]] nlohmann::json child_labels(const domain::TeamProvisioning& team, Slot slot);

// What selects the pods of the team's dedicated agent, for a runtime that does not exist yet.
[[nodiscard]] nlohmann::json agent_selector(const domain::TeamProvisioning& team);

// What lets the garbage collector follow the team. It lacks blockOwnerDeletion, which would only make a
// foreground deletion wait: API servers that guard it (OwnerReferencesPermissionEnforcement) refuse it for up
// to 30 s after TeamProvisioning was defined.
[[nodiscard]] nlohmann::json owner_reference(const domain::TeamProvisioning& team);

// An apply configuration with apiVersion, kind and metadata: name, namespace, labels, annotations with the
// raw ids, and the owner reference.
[[nodiscard]] nlohmann::json owned_skeleton(const domain::TeamProvisioning& team,
                                            const kube::ResourceType& type,
                                            const std::string& name,
                                            nlohmann::json labels);
[[nodiscard]] nlohmann::json child_skeleton(const domain::TeamProvisioning& team,
                                            Slot slot,
                                            const std::string& name);

}  // namespace tp::provisioner
