#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "provisioner/desired/token_secret.h"
#include "provisioner/reconcile/plan.h"
#include "support/catch.h"
#include "support/teams.h"

namespace tp::provisioner {
namespace {

using domain::ChildrenPolicy;
using domain::ConfigPolicy;
using domain::PlatformSpec;
using domain::PlatformStatus;
using domain::RoutingKind;
using test::a_team;
using test::converged;
using test::dedicated;
using test::scheduled;
using test::share;
using Strings = std::vector<std::string>;

const BuildContext kBuild{.platform = true, .bootstrap = true};

Strings actions(const Observed& observed, const BuildContext& build = kBuild) {
  Strings result;
  for (const Action& action : make_plan(observed, build).actions) result.push_back(describe(action));
  return result;
}

Team with_finalizer(Team team) {
  team.finalizer_index = 0;
  return team;
}

Team with(Team team, PlatformSpec spec) {
  team.spec.platform = std::make_shared<const PlatformSpec>(std::move(spec));
  return team;
}

Team remembering(Team team, PlatformStatus memory) {
  team.status.platform = std::make_shared<const PlatformStatus>(std::move(memory));
  return team;
}

HeldTokenPointer a_secret(const Team& team, const std::string& name) {
  HeldToken held;
  held.meta = {.key = {team.meta.key.ns, name}, .uid = "uid-of-" + name, .resource_version = "9"};
  held.meta.controller_uid = team.meta.uid;
  held.token_id = "t1";
  held.intact = true;
  return std::make_shared<const HeldToken>(std::move(held));
}

TEST_CASE("platform plan: the steps are for operators that have the services", "[platform_plan]") {
  const Observed observed = converged(with_finalizer(a_team()), kBuild);
  CHECK(make_plan(observed, kBuild).platform);
  CHECK(make_plan(observed, kBuild).bootstrap);
  CHECK_FALSE(make_plan(observed, {.platform = true}).bootstrap);
  CHECK_FALSE(make_plan(observed, {}).platform);
  CHECK_FALSE(make_plan(observed, {.bootstrap = true}).bootstrap);

  Team never = with_finalizer(scheduled(a_team()));
  CHECK(make_plan({share(never)}, kBuild).bootstrap);
  never.spec.pipeline->bootstrap = domain::BootstrapPolicy::Never;
  CHECK_FALSE(make_plan({share(never)}, kBuild).bootstrap);
}

TEST_CASE("platform plan: the finalizer is there as long as something may be left in the services",
          "[platform_plan]") {
  CHECK(actions(converged(a_team(), kBuild)) == Strings{"add the finalizer"});
  CHECK(actions(converged(with_finalizer(a_team()), kBuild)).empty());
  // An operator without them leaves alone what another has begun.
  const Team begun = remembering(with_finalizer(a_team()), {.token_secret = "s"});
  CHECK(actions(converged(begun, {}), {}).empty());
  CHECK(actions(converged(with_finalizer(a_team()), {}), {}) == Strings{"remove the finalizer"});
}

TEST_CASE("platform plan: a runtime stays while the Config Service names it", "[platform_plan]") {
  Observed observed = converged(with_finalizer(dedicated(a_team(), {.replicas = 2})), kBuild);
  Team team = *observed.team;
  team.spec.mode = domain::RuntimeMode::Shared;
  observed.team = share(remembering(team, {.published_url = "http://agent"}));
  CHECK(make_plan(observed, kBuild).withdrawing);
  CHECK(actions(observed) == Strings{"delete PodDisruptionBudget incidentfox/agent-dedicated-acme-checkout"});
  // Nobody who could take the URL back is there to wait for.
  CHECK_FALSE(make_plan(observed, {}).withdrawing);

  // Nothing is remembered: it may have been published all the same.
  observed.team = share(team);
  CHECK(make_plan(observed, kBuild).withdrawing);
  observed.team = share(remembering(team, {.synced_config = config_digest(team, {}, "", true)}));
  CHECK(make_plan(observed, kBuild).withdrawing);

  observed.team = share(remembering(team, {.synced_config = config_digest(team, {}, "", false)}));
  CHECK_FALSE(make_plan(observed, kBuild).withdrawing);
  CHECK(actions(observed) == Strings{"delete Service incidentfox/agent-dedicated-acme-checkout",
                                     "delete Deployment incidentfox/agent-dedicated-acme-checkout",
                                     "delete PodDisruptionBudget incidentfox/agent-dedicated-acme-checkout"});
}

TEST_CASE("platform plan: schedules stay until it is known that there are none", "[platform_plan]") {
  Observed observed = converged(with_finalizer(scheduled(a_team())), kBuild);
  Team team = *observed.team;
  team.spec.pipeline->source = domain::ScheduleSource::ConfigService;
  team.spec.pipeline->schedule.clear();
  observed.team = share(team);
  CHECK(actions(observed).empty());
  observed.team = share(remembering(team, {.schedules = domain::ResolvedSchedules{"0 2 * * *", ""}}));
  CHECK(actions(observed).empty());
  observed.team = share(remembering(team, {.schedules = domain::ResolvedSchedules{}}));
  CHECK(actions(observed) == Strings{"delete CronJob incidentfox/ai-pipeline-acme-checkout"});
}

TEST_CASE("platform plan: an identifier of an older team stalls with field, value and holder",
          "[platform_plan]") {
  Observed observed = converged(with_finalizer(a_team()), kBuild);
  observed.contested = {{{RoutingKind::SlackChannel, "C1"}, "incidentfox/first"},
                        {{RoutingKind::GitHubRepository, "acme/shop"}, "incidentfox/second"}};
  const Plan plan = make_plan(observed, kBuild);
  REQUIRE(plan.stalls.size() == 1);
  CHECK(
      plan.stalls.front() ==
      Stall{"RoutingConflict",
            "slackChannelIds C1 belongs to TeamProvisioning incidentfox/first; githubRepositories acme/shop "
            "belongs to TeamProvisioning incidentfox/second, which is older; all else is in effect"});
  CHECK(plan.platform);
  CHECK(make_plan(observed, {}).stalls.empty());
}

TEST_CASE("platform plan: a Secret under an old name goes once the token is in the new one",
          "[platform_plan]") {
  Team team = with(with_finalizer(a_team()), {.token = {.secret_name = "new"}});
  Observed observed = converged(team, kBuild);
  observed.token_secrets = {a_secret(team, "old"), a_secret(team, "new")};
  CHECK(actions(observed).empty());  // before any was concluded

  observed.team = share(remembering(team, {.token_secret = "old"}));
  CHECK(actions(observed).empty());
  observed.team = share(remembering(team, {.token_secret = "new"}));
  REQUIRE(actions(observed) == Strings{"delete Secret incidentfox/old"});
  const Plan plan = make_plan(observed, kBuild);
  CHECK(std::get<DeleteTokenSecret>(plan.actions.front()).uid == "uid-of-old");

  HeldToken leaving = *observed.token_secrets.front();
  leaving.meta.deleting = true;
  observed.token_secrets.front() = std::make_shared<const HeldToken>(leaving);
  CHECK(actions(observed).empty());
}

TEST_CASE("platform plan: who goes leaves children and Secret by its policies", "[platform_plan]") {
  const Team base = with_finalizer(scheduled(a_team()));
  const auto farewell = [&](ChildrenPolicy children, ConfigPolicy config) {
    Team team = with(base, {.deletion = config});
    team.spec.children = children;
    team.meta.deleting = true;
    Observed observed = converged(team, kBuild);
    observed.token_secrets = {a_secret(team, "s")};
    CHECK(make_plan(observed, kBuild).platform);
    CHECK_FALSE(make_plan(observed, kBuild).write_status);
    return actions(observed);
  };
  // The garbage collector takes the rest.
  for (const ConfigPolicy config : {ConfigPolicy::Withdraw, ConfigPolicy::Retain, ConfigPolicy::Clear})
    CHECK(farewell(ChildrenPolicy::Delete, config) == Strings{"remove the finalizer"});
  const std::string released = "release CronJob incidentfox/ai-pipeline-acme-checkout";
  CHECK(farewell(ChildrenPolicy::Orphan, ConfigPolicy::Withdraw) ==
        Strings{released, "delete Secret incidentfox/s", "remove the finalizer"});
  CHECK(farewell(ChildrenPolicy::Orphan, ConfigPolicy::Clear) ==
        Strings{released, "delete Secret incidentfox/s", "remove the finalizer"});
  CHECK(farewell(ChildrenPolicy::Orphan, ConfigPolicy::Retain) ==
        Strings{released, "release Secret incidentfox/s", "remove the finalizer"});
}

TEST_CASE("platform plan: a Secret that is not the team's own is neither released nor deleted",
          "[platform_plan]") {
  Team team = with(with_finalizer(a_team()), {.deletion = ConfigPolicy::Retain});
  team.spec.children = ChildrenPolicy::Orphan;
  team.meta.deleting = true;
  HeldToken released = *a_secret(team, "s");
  released.meta.controller_uid.clear();
  Observed observed{share(team)};
  observed.token_secrets = {std::make_shared<const HeldToken>(released)};
  CHECK(actions(observed) == Strings{"remove the finalizer"});
}

TEST_CASE("platform plan: a Secret that lost its owner is claimed, and goes with the team",
          "[platform_plan]") {
  Team team = with(with_finalizer(a_team()), {.token = {.secret_name = "s"}});
  HeldToken lost = *a_secret(team, "s");
  lost.meta.controller_uid.clear();
  Observed observed = converged(team, kBuild);
  observed.token_secrets = {std::make_shared<const HeldToken>(lost)};
  CHECK(actions(observed).empty());  // before any was concluded
  observed.team = share(remembering(team, {.token_secret = "s"}));
  REQUIRE(actions(observed) == Strings{"claim Secret incidentfox/s"});
  const Plan plan = make_plan(observed, kBuild);
  const auto& claim = std::get<ClaimTokenSecret>(plan.actions.front());
  CHECK(claim.uid == "uid-of-s");
  CHECK(claim.owner.at("uid") == team.meta.uid);

  team.meta.deleting = true;
  observed.team = share(team);
  CHECK(actions(observed) == Strings{"delete Secret incidentfox/s", "remove the finalizer"});
  // The Secret of a team that another resource owns is that one's.
  observed.owner = share(a_team());
  CHECK(actions(observed) == Strings{"remove the finalizer"});
}

TEST_CASE("platform plan: a duplicate takes nothing back in the services when it goes", "[platform_plan]") {
  Team team = with_finalizer(a_team());
  team.meta.deleting = true;
  Observed observed{share(team)};
  observed.owner = share(a_team());
  CHECK_FALSE(make_plan(observed, kBuild).platform);
  CHECK(actions(observed) == Strings{"remove the finalizer"});
}

TEST_CASE("platform plan: a paused team is not touched, and goes all the same", "[platform_plan]") {
  Team team = scheduled(a_team());
  team.paused = true;
  const Plan plan = make_plan({share(team)}, kBuild);
  CHECK(plan.actions.empty());
  CHECK_FALSE(plan.platform);
  CHECK_FALSE(plan.write_status);
  team = with_finalizer(team);
  team.meta.deleting = true;
  CHECK(make_plan({share(team)}, kBuild).platform);
  CHECK(actions({share(team)}) == Strings{"remove the finalizer"});
}

}  // namespace
}  // namespace tp::provisioner
