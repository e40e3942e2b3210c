#include "provisioner/reconcile/plan.h"

#include <algorithm>
#include <string>
#include <vector>

#include "support/catch.h"
#include "support/teams.h"

namespace tp::provisioner {
namespace {

using test::a_team;
using test::converged;
using test::dedicated;
using test::edit_child;
using test::scheduled;
using test::share;

const BuildContext kBuild{.gateway_peer = {{"podSelector", {{"matchLabels", {{"app", "gateway"}}}}}},
                          .config_service_peer = {{"podSelector", {{"matchLabels", {{"app", "config"}}}}}}};

std::vector<std::string> actions(const Plan& plan) {
  std::vector<std::string> result;
  for (const Action& action : plan.actions) result.push_back(describe(action));
  return result;
}

std::vector<std::string> actions(const Observed& observed) { return actions(make_plan(observed, kBuild)); }

using Strings = std::vector<std::string>;

TEST_CASE("plan: a new shared, scheduled team needs one CronJob", "[plan]") {
  Observed observed{share(scheduled(a_team()))};
  CHECK(actions(observed) == Strings{"create ServiceAccount incidentfox/ai-pipeline",
                                     "apply CronJob incidentfox/ai-pipeline-acme-checkout (create)"});
  observed.service_accounts = {"ai-pipeline"};
  CHECK(actions(observed) == Strings{"apply CronJob incidentfox/ai-pipeline-acme-checkout (create)"});
}

TEST_CASE("plan: a new dedicated team gets its children in order, what restricts a pod before the pod",
          "[plan]") {
  Observed observed{share(dedicated(a_team(), {.replicas = 2, .network_isolation = true}))};
  observed.service_accounts = {"incidentfox-agent"};
  CHECK(actions(observed) ==
        Strings{"apply NetworkPolicy incidentfox/agent-dedicated-acme-checkout (create)",
                "apply PodDisruptionBudget incidentfox/agent-dedicated-acme-checkout (create)",
                "apply Deployment incidentfox/agent-dedicated-acme-checkout (create)",
                "apply Service incidentfox/agent-dedicated-acme-checkout (create)"});
}

TEST_CASE("plan: nothing is done when everything is in place", "[plan]") {
  for (const Team& team : {a_team(), scheduled(a_team()), dedicated(scheduled(a_team()), {.replicas = 3})}) {
    const Plan plan = make_plan(converged(team, kBuild), kBuild);
    CHECK(actions(plan).empty());
    CHECK(plan.stalls.empty());
  }
}

TEST_CASE("plan: drift of one child is repaired by one update that names its uid", "[plan]") {
  Observed observed = converged(dedicated(a_team()), kBuild);
  edit_child(observed, Slot::AgentService, [](Child& child) { child.owned = 1; });
  const Plan plan = make_plan(observed, kBuild);
  REQUIRE(actions(plan) == Strings{"apply Service incidentfox/agent-dedicated-acme-checkout (update)"});
  const auto& apply = std::get<ApplyChild>(plan.actions.front());
  CHECK(apply.uid == "uid-of-agent-dedicated-acme-checkout-6");
  CHECK_FALSE(apply.adopt);
}

TEST_CASE("plan: from Dedicated to Shared everything of the runtime goes, the Service first", "[plan]") {
  Observed observed =
      converged(dedicated(scheduled(a_team()), {.replicas = 2, .network_isolation = true}), kBuild);
  Team team = *observed.team;
  team.spec.mode = domain::RuntimeMode::Shared;
  observed.team = share(team);
  CHECK(actions(observed) == Strings{"delete Service incidentfox/agent-dedicated-acme-checkout",
                                     "delete Deployment incidentfox/agent-dedicated-acme-checkout",
                                     "delete PodDisruptionBudget incidentfox/agent-dedicated-acme-checkout",
                                     "delete NetworkPolicy incidentfox/agent-dedicated-acme-checkout"});
}

TEST_CASE("plan: a child that is being deleted is neither deleted again nor written to", "[plan]") {
  Observed observed = converged(dedicated(a_team()), kBuild);
  edit_child(observed, Slot::AgentDeployment, [](Child& child) { child.meta.deleting = true; });
  const Plan plan = make_plan(observed, kBuild);
  CHECK(actions(plan).empty());
  CHECK(plan.terminating == std::vector<Slot>{Slot::AgentDeployment});

  Team shared = *observed.team;
  shared.spec.mode = domain::RuntimeMode::Shared;
  observed.team = share(shared);
  CHECK(actions(observed) == Strings{"delete Service incidentfox/agent-dedicated-acme-checkout"});
}

TEST_CASE("plan: what something else controls is left alone", "[plan]") {
  Observed observed = converged(dedicated(a_team()), kBuild);
  edit_child(observed, Slot::AgentDeployment, [](Child& child) { child.foreign_controller = true; });
  const Plan plan = make_plan(observed, kBuild);
  CHECK(actions(plan).empty());
  REQUIRE(plan.stalls.size() == 1);
  CHECK(plan.stalls.front().reason == "Conflict");

  Team shared = *observed.team;
  shared.spec.mode = domain::RuntimeMode::Shared;
  observed.team = share(shared);
  CHECK(actions(observed) == Strings{"delete Service incidentfox/agent-dedicated-acme-checkout"});
}

const domain::Autoscaling kTwoToFive{.min_replicas = 2, .max_replicas = 5};

// The live Deployment has `replicas` pods, and who decided on that.
void scale(Observed& observed, std::int64_t replicas, bool by_others) {
  edit_child(observed, Slot::AgentDeployment, [&](Child& child) {
    RolloutState state = *child.rollout;
    state.wanted = replicas;
    state.scaled_by_others = by_others;
    child.rollout = std::make_shared<const RolloutState>(state);
  });
}

// What is applied to the Deployment when something else of it has changed.
nlohmann::json applied_deployment(const Observed& observed) {
  Observed drifted = observed;
  edit_child(drifted, Slot::AgentDeployment, [](Child& child) { child.owned = 1; });
  for (const Action& action : make_plan(drifted, kBuild).actions) {
    const auto* const apply = std::get_if<ApplyChild>(&action);
    if (apply != nullptr && apply->slot == Slot::AgentDeployment) return apply->object;
  }
  FAIL("the Deployment is not applied");
  return {};
}

// -1: nothing.
std::int64_t applied_replicas(const Observed& observed) {
  return applied_deployment(observed).at("spec").value("replicas", std::int64_t{-1});
}

bool insists_on_version(const Observed& observed) {
  return applied_deployment(observed).at("metadata").contains("resourceVersion");
}

TEST_CASE("plan: an autoscaler comes after what it scales, and goes before it", "[plan][autoscaling]") {
  Observed observed{share(dedicated(a_team(), {.autoscaling = kTwoToFive}))};
  observed.service_accounts = {"incidentfox-agent"};
  CHECK(actions(observed) ==
        Strings{"apply PodDisruptionBudget incidentfox/agent-dedicated-acme-checkout (create)",
                "apply Deployment incidentfox/agent-dedicated-acme-checkout (create)",
                "apply HorizontalPodAutoscaler incidentfox/agent-dedicated-acme-checkout (create)",
                "apply Service incidentfox/agent-dedicated-acme-checkout (create)"});
  observed = converged(*observed.team, kBuild);
  CHECK(actions(observed).empty());
  Team shared = *observed.team;
  shared.spec.mode = domain::RuntimeMode::Shared;
  observed.team = share(shared);
  CHECK(actions(observed) ==
        Strings{"delete Service incidentfox/agent-dedicated-acme-checkout",
                "delete HorizontalPodAutoscaler incidentfox/agent-dedicated-acme-checkout",
                "delete Deployment incidentfox/agent-dedicated-acme-checkout",
                "delete PodDisruptionBudget incidentfox/agent-dedicated-acme-checkout"});
}

TEST_CASE("plan: replicas begin within the autoscaler's bounds", "[plan][autoscaling]") {
  const auto begin = [](std::int64_t replicas) {
    const Team team = dedicated(a_team(), {.replicas = replicas, .autoscaling = kTwoToFive});
    return default_layout(team).replicas;
  };
  CHECK(begin(1) == 2);
  CHECK(begin(3) == 3);
  CHECK(begin(9) == 5);
}

TEST_CASE("plan: the live replicas are held until somebody else does", "[plan][autoscaling]") {
  Observed observed = converged(dedicated(a_team(), {.replicas = 3}), kBuild);
  Team team = *observed.team;
  team.spec.dedicated = std::make_shared<const domain::DedicatedRuntime>(
      domain::DedicatedRuntime{.replicas = 1, .autoscaling = kTwoToFive});
  observed.team = share(team);
  // Nobody has scaled yet: what is there stays ours, whatever the spec would begin with.
  CHECK(applied_replicas(observed) == 3);
  CHECK(insists_on_version(observed));
  CHECK(actions(observed) ==
        Strings{"apply HorizontalPodAutoscaler incidentfox/agent-dedicated-acme-checkout (create)"});
  scale(observed, 5, true);
  CHECK(applied_replicas(observed) == -1);
  CHECK_FALSE(insists_on_version(observed));
  // Somebody edited the Deployment as a whole: such a field goes to us when the object is taken over.
  scale(observed, 4, false);
  CHECK(applied_replicas(observed) == 4);
  // An autoscaler does nothing for a Deployment without pods.
  scale(observed, 0, true);
  CHECK(applied_replicas(observed) == 2);
}

TEST_CASE("plan: replicas are taken back when the autoscaler is gone, and not before",
          "[plan][autoscaling]") {
  Observed observed = converged(dedicated(a_team(), {.replicas = 2, .autoscaling = kTwoToFive}), kBuild);
  scale(observed, 4, true);
  Team team = *observed.team;
  team.spec.dedicated =
      std::make_shared<const domain::DedicatedRuntime>(domain::DedicatedRuntime{.replicas = 2});
  observed.team = share(team);
  CHECK(applied_replicas(observed) == -1);
  edit_child(observed, Slot::AgentAutoscaler, [](Child& child) { child.meta.deleting = true; });
  CHECK(applied_replicas(observed) == 2);
  CHECK_FALSE(insists_on_version(observed));
  std::erase_if(observed.children,
                [](const ChildPointer& child) { return child->slot == Slot::AgentAutoscaler; });
  CHECK(applied_replicas(observed) == 2);
}

Child legacy_deployment(const Team& team, const std::string& name) {
  Child child;
  child.meta = {
      .key = {team.meta.key.ns, name}, .uid = "uid-legacy", .resource_version = "7", .generation = 3};
  child.slot = Slot::AgentDeployment;
  child.managed_by = ManagedBy::Legacy;
  child.org_label = domain::legacy_label_value(team.spec.org_id);
  child.team_label = domain::legacy_label_value(team.spec.team_node_id);
  child.raw_org = team.spec.org_id;
  child.raw_team = team.spec.team_node_id;
  child.rollout = std::make_shared<const RolloutState>(
      RolloutState{.selector = {{"app.kubernetes.io/name", "incidentfox-agent"},
                                {"incidentfox.io/org-id", child.org_label},
                                {"incidentfox.io/team-node-id", child.team_label}}});
  return child;
}

TEST_CASE("plan: an object of the legacy service is adopted under its name and with its selector", "[plan]") {
  const Team team = dedicated(a_team("acme-corp", "Check.Out"));
  const std::string old_name = "agent-dedicated-acme-corp-check-out";
  REQUIRE(domain::names_for("acme-corp", "Check.Out").agent != old_name);
  Observed observed{share(team)};
  observed.service_accounts = {"incidentfox-agent"};
  observed.children = {std::make_shared<const Child>(legacy_deployment(team, old_name))};
  REQUIRE(belongs_to(*observed.children.front(), team));

  const Plan plan = make_plan(observed, kBuild);
  REQUIRE(plan.actions.size() == 2);
  const auto& deployment = std::get<ApplyChild>(plan.actions.at(0));
  CHECK(deployment.adopt);
  CHECK(deployment.uid == "uid-legacy");
  CHECK(deployment.object.at("metadata").at("name") == old_name);
  const auto& spec = deployment.object.at("spec");
  CHECK(spec.at("selector").at("matchLabels") == observed.children.front()->rollout->selector);
  for (const auto& [key, value] : spec.at("selector").at("matchLabels").items()) {
    CHECK(spec.at("template").at("metadata").at("labels").at(key) == value);
  }
  const auto& service = std::get<ApplyChild>(plan.actions.at(1));
  CHECK(service.uid.empty());
  CHECK(service.object.at("spec").at("selector") == spec.at("selector").at("matchLabels"));
}

TEST_CASE("plan: legacy labels that fit two teams belong to the one whose raw ids agree", "[plan]") {
  const Team upper = dedicated(a_team("Acme", "checkout"));
  const Team lower = dedicated(a_team("acme", "checkout"));
  const Child child = legacy_deployment(upper, "agent-dedicated-acme-checkout");
  CHECK(belongs_to(child, upper));
  CHECK_FALSE(belongs_to(child, lower));
}

TEST_CASE("plan: of two objects in one place ours stays and the other goes", "[plan]") {
  const Team team = dedicated(a_team());
  Observed observed = converged(team, kBuild);
  observed.children.insert(observed.children.begin(),
                           std::make_shared<const Child>(legacy_deployment(team, "agent-dedicated-older")));
  CHECK(actions(observed) == Strings{"delete Deployment incidentfox/agent-dedicated-older"});
}

TEST_CASE("plan: the younger of two resources for one team touches nothing", "[plan]") {
  Observed observed{share(dedicated(a_team()))};
  Team older_team = a_team();
  older_team.meta.key.name = "first";
  older_team.meta.uid = "uid-first";
  older_team.meta.created -= std::chrono::seconds{5};
  observed.owner = share(older_team);
  const Plan plan = make_plan(observed, kBuild);
  CHECK(plan.actions.empty());
  REQUIRE(plan.stalls.size() == 1);
  CHECK(plan.stalls.front().reason == "DuplicateTeam");
  CHECK(plan.stalls.front().message.find("incidentfox/first") != std::string::npos);
}

TEST_CASE("older: by creation, then by uid, and never both ways", "[plan]") {
  Team a = a_team();
  Team b = a_team();
  a.meta.uid = "a";
  b.meta.uid = "b";
  CHECK(older(a, b));
  CHECK_FALSE(older(b, a));
  b.meta.created -= std::chrono::seconds{1};
  CHECK(older(b, a));
  CHECK_FALSE(older(a, a));
}

TEST_CASE("plan: a wrong spec stalls with the field and touches nothing", "[plan]") {
  Team team = dedicated(a_team());
  team.errors = {{"spec.pipeline.schedule", "must have five fields"}};
  const Plan plan = make_plan({share(team)}, kBuild);
  CHECK(plan.actions.empty());
  REQUIRE(plan.stalls.size() == 1);
  CHECK(plan.stalls.front() == Stall{"InvalidSpec", "spec.pipeline.schedule: must have five fields"});
}

TEST_CASE("plan: a team may only read the Secrets that the platform lists", "[plan]") {
  const Team team = dedicated(
      a_team(), {.env = {{.name = "KEY", .value = {}, .secret_name = "their-secret", .secret_key = "k"}}});
  const Plan refused = make_plan({share(team)}, kBuild);
  REQUIRE(refused.stalls.size() == 1);
  CHECK(refused.stalls.front().message.find("spec.runtime.dedicated.env[0].valueFrom.secretKeyRef.name") ==
        0);
  BuildContext allowing = kBuild;
  allowing.agent_secrets = {"their-secret"};
  CHECK(make_plan({share(team)}, allowing).stalls.empty());
}

TEST_CASE("plan: the finalizer is there only while the children are to be left behind", "[plan]") {
  Team team = scheduled(a_team());
  team.spec.children = domain::ChildrenPolicy::Orphan;
  Observed observed = converged(team, kBuild);
  CHECK(actions(observed) == Strings{"add the finalizer"});
  team.finalizer_index = 0;
  observed.team = share(team);
  CHECK(actions(observed).empty());
  team.spec.children = domain::ChildrenPolicy::Delete;
  observed.team = share(team);
  CHECK(actions(observed) == Strings{"remove the finalizer"});
}

TEST_CASE(
    "plan: a team that is deleted with Orphan releases its own children and then goes, even while suspended",
    "[plan]") {
  Team team = scheduled(a_team());
  team.spec.children = domain::ChildrenPolicy::Orphan;
  team.spec.suspend = true;
  team.finalizer_index = 0;
  team.meta.deleting = true;
  Observed observed = converged(team, kBuild);
  CHECK(actions(observed) ==
        Strings{"release CronJob incidentfox/ai-pipeline-acme-checkout", "remove the finalizer"});
  edit_child(observed, Slot::PipelineCronJob, [](Child& child) { child.meta.controller_uid.clear(); });
  CHECK(actions(observed) == Strings{"remove the finalizer"});
  team.finalizer_index = -1;
  observed.team = share(team);
  const Plan plan = make_plan(observed, kBuild);
  CHECK(plan.actions.empty());
  CHECK_FALSE(plan.write_status);
}

TEST_CASE("plan: a suspended team is not touched and its status not written", "[plan]") {
  Team team = scheduled(a_team());
  team.spec.suspend = true;
  const Plan plan = make_plan({share(team)}, kBuild);
  CHECK(plan.actions.empty());
  CHECK_FALSE(plan.write_status);
}

TEST_CASE("version_of: any change counts, the order of children does not", "[plan]") {
  Observed observed = converged(dedicated(scheduled(a_team())), kBuild);
  const std::uint64_t version = version_of(observed);
  std::reverse(observed.children.begin(), observed.children.end());
  CHECK(version_of(observed) == version);
  edit_child(observed, Slot::AgentService, [](Child& child) { child.meta.resource_version = "201"; });
  CHECK(version_of(observed) != version);
}

}  // namespace
}  // namespace tp::provisioner
