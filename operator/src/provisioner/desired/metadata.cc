#include "provisioner/desired/metadata.h"

#include <nlohmann/json.hpp>

#include "domain/naming.h"

namespace tp::provisioner {

using Json = nlohmann::json;

Json child_labels(const domain::TeamProvisioning& team, Slot slot) {
  const SlotInfo& slot_info = info(slot);
  Json labels{
      {kAppLabel, slot_info.app},
      {kComponentLabel, slot_info.component},
      {kManagedByLabel, kManagedByUs},
      {kOrgKey, domain::label_value(team.spec.org_id)},
      {kTeamKey, domain::label_value(team.spec.team_node_id)},
  };
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

Json child_skeleton(const domain::TeamProvisioning& team, Slot slot, const std::string& name) {
  const SlotInfo& slot_info = info(slot);
  return Json{
      {"apiVersion", slot_info.type.api_version()},
      {"kind", slot_info.type.kind},
      {"metadata",
       {{"name", name},
        {"namespace", team.meta.key.ns},
        {"labels", child_labels(team, slot)},
        {"annotations", {{kOrgKey, team.spec.org_id}, {kTeamKey, team.spec.team_node_id}}},
        {"ownerReferences", Json::array({{{"apiVersion", domain::kTeamProvisionings.api_version()},
                                          {"kind", domain::kTeamProvisionings.kind},
                                          {"name", team.meta.key.name},
                                          {"uid", team.meta.uid},
                                          {"controller", true}}})}}},
  };
}

}  // namespace tp::provisioner
