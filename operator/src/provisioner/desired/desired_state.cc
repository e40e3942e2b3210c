#include "provisioner/desired/desired_state.h"

#include <optional>
#include <set>
#include <utility>

#include "domain/naming.h"
#include "provisioner/desired/agent.h"
#include "provisioner/desired/cron_jobs.h"
#include "provisioner/desired/metadata.h"

namespace tp::provisioner {

using domain::TeamProvisioning;
using Json = nlohmann::json;

Layout default_layout(const TeamProvisioning& team) {
  const domain::TeamNames names = domain::names_for(team.spec.org_id, team.spec.team_node_id);
  Layout layout;
  layout.names.fill(names.agent);
  layout.names.at(static_cast<std::size_t>(Slot::PipelineCronJob)) = names.pipeline;
  layout.names.at(static_cast<std::size_t>(Slot::DiscoveryCronJob)) = names.discovery;
  layout.selector = agent_selector(team);
  layout.replicas = initial_replicas(team);
  return layout;
}

kube::ObjectKey DesiredChild::key() const {
  const Json& metadata = object.at("metadata");
  return {metadata.at("namespace").get<std::string>(), metadata.at("name").get<std::string>()};
}

DesiredState desired_state(const TeamProvisioning& team, const BuildContext& build, const Layout& layout) {
  DesiredState state;
  std::set<std::string> accounts;
  const auto want = [&](Slot slot, std::optional<Json> object, const std::string& account = {}) {
    if (!object) return;
    state.children.push_back({slot, *std::move(object)});
    if (!account.empty()) accounts.insert(account);
  };
  const auto name = [&](Slot slot) -> const std::string& { return layout.name(slot); };
  const Json& selector = layout.selector;

  want(Slot::PipelineCronJob, build_pipeline_cron_job(team, build, name(Slot::PipelineCronJob)),
       build.pipeline_service_account);
  want(Slot::DiscoveryCronJob, build_discovery_cron_job(team, build, name(Slot::DiscoveryCronJob)),
       build.discovery_service_account);
  want(Slot::AgentNetworkPolicy,
       build_agent_network_policy(team, build, name(Slot::AgentNetworkPolicy), selector));
  want(Slot::AgentDisruptionBudget,
       build_agent_disruption_budget(team, name(Slot::AgentDisruptionBudget), selector));
  want(Slot::AgentDeployment,
       build_agent_deployment(team, build, name(Slot::AgentDeployment), selector, layout.replicas),
       build.agent_service_account);
  want(Slot::AgentAutoscaler,
       build_agent_autoscaler(team, name(Slot::AgentAutoscaler), name(Slot::AgentDeployment)));
  want(Slot::AgentService, build_agent_service(team, build, name(Slot::AgentService), selector));

  state.service_accounts.assign(accounts.begin(), accounts.end());
  return state;
}

Json service_account(const std::string& ns, const std::string& name) {
  return Json{
      {"apiVersion", "v1"},
      {"kind", "ServiceAccount"},
      {"metadata", {{"name", name}, {"namespace", ns}, {"labels", {{kManagedByLabel, kManagedByUs}}}}},
      {"automountServiceAccountToken", false}};
}

}  // namespace tp::provisioner
