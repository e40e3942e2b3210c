#include "provisioner/desired/metadata.h"

#include <utility>

#include <nlohmann/json.hpp>

#include "domain/naming.h"

namespace tp::provisioner {

using Json = nlohmann::json;

Json team_labels(const domain::TeamProvisioning& team) {
  return Json{
      {kManagedByLabel, kManagedByUs},
      {kOrgKey, domain::label_value(team.spec.org_id)},
      {kTeamKey, domain::label_value(team.spec.team_node_id)},
  };
}

Json child_labels(const domain::TeamProvisioning& team, Slot slot) {
  const SlotInfo& slot_info = info(slot);
  Json labels = team_labels(team);
  labels[std::string{kAppLabel}] = slot_info.app;
  labels[std::string{kComponentLabel}] = slot_info.component;
  if (slot_info.type != kube::kCronJobs) labels[std::string{kModeLabel}] = "dedicated";
  return labels;
}

Json agent_selector(const domain::TeamProvisioning& team) {
  return Json{
      {kAppLabel, info(Slot::AgentDeployment).app},
      {kOrgKey, domain::label_value(team.spec.org_id)},
      {kTeamKey, domain::label_value(team.spec.team_node_id)},
  };
}

Json owner_reference(const domain::TeamProvisioning& team) {
  return Json{{"apiVersion", domain::kTeamProvisionings.api_version()},
              {"kind", domain::kTeamProvisionings.kind},
              {"name", team.meta.key.name},
              {"uid", team.meta.uid},
              {"controller", true}};
}

Json owned_skeleton(const domain::TeamProvisioning& team,
                    const kube::ResourceType& type,
                    const std::string& name,
                    Json labels) {
  return Json{
      {"apiVersion", type.api_version()},
      {"kind", type.kind},
      {"metadata",
       {{"name", name},
        {"namespace", team.meta.key.ns},
        {"labels", std::move(labels)},
        {"annotations", {{kOrgKey, team.spec.org_id}, {kTeamKey, team.spec.team_node_id}}},
        {"ownerReferences", Json::array({owner_reference(team)})}}},
  };
}

Json child_skeleton(const domain::TeamProvisioning& team, Slot slot, const std::string& name) {
  return owned_skeleton(team, info(slot).type, name, child_labels(team, slot));
}

}  // namespace tp::provisioner
