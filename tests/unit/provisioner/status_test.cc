#include "provisioner/reconcile/status.h"

#include <string>

#include "support/catch.h"
#include "support/condition_rules.h"
#include "support/teams.h"

namespace tp::provisioner {
namespace {

using test::a_team;
using test::converged;
using test::dedicated;
using test::edit_child;
using test::scheduled;
using test::share;

const BuildContext kBuild{};
constexpr std::string_view kNow = "2026-01-01T00:00:00Z";

domain::TeamStatus status_of(const Observed& observed, const Outcome& outcome = {}) {
  domain::TeamStatus status = make_status(observed, make_plan(observed, kBuild), outcome, {}, kNow);
  // Flux's and kstatus' rules hold for every status that we ever write.
  CHECK(test::broken_condition_rules(status, observed.team->meta.generation).empty());
  return status;
}

// "True Provisioned"; "absent".
std::string condition(const domain::TeamStatus& status, std::string_view type) {
  const kube::Condition* found = kube::find_condition(status.conditions, type);
  if (found == nullptr) return "absent";
  return std::string{to_string(found->status)} + " " + found->reason;
}

Observed with_rollout(const RolloutState& state) {
  Observed observed = converged(dedicated(a_team()), kBuild);
  edit_child(observed, Slot::AgentDeployment, [&](Child& child) {
    RolloutState next = state;
    next.selector = child.rollout->selector;
    child.rollout = std::make_shared<const RolloutState>(next);
  });
  return observed;
}

TEST_CASE("status: a converged shared team is ready and has no word on what it does not have", "[status]") {
  const auto status = status_of(converged(scheduled(a_team()), kBuild));
  CHECK(condition(status, "Ready") == "True Provisioned");
  CHECK(condition(status, "PipelineScheduled") == "True Scheduled");
  CHECK(condition(status, "AgentAvailable") == "absent");
  CHECK(condition(status, "Reconciling") == "absent");
  CHECK(condition(status, "Stalled") == "absent");
  CHECK(status.observed_generation == 1);
  CHECK(status.service_url.empty());
  REQUIRE(status.inventory.size() == 1);
  CHECK(status.inventory.front().name == "ai-pipeline-acme-checkout");
}

TEST_CASE("status: a dedicated team is ready once its roll-out is complete", "[status]") {
  const auto rolling = status_of(
      with_rollout({.observed_generation = 1, .wanted = 2, .total = 2, .updated = 1, .available = 1}));
  CHECK(condition(rolling, "Ready") == "False Progressing");
  CHECK(condition(rolling, "Reconciling") == "True Progressing");
  CHECK(condition(rolling, "AgentAvailable") == "False Unavailable");
  CHECK(rolling.service_url.empty());

  const auto done = status_of(
      with_rollout({.observed_generation = 1, .wanted = 2, .total = 2, .updated = 2, .available = 2}));
  CHECK(condition(done, "Ready") == "True Provisioned");
  CHECK(condition(done, "AgentAvailable") == "True Available");
  CHECK(done.service_url == "http://agent-dedicated-acme-checkout.incidentfox.svc.cluster.local:8080");
}

TEST_CASE("status: counts of the old generation say nothing about the new one", "[status]") {
  Observed observed =
      with_rollout({.observed_generation = 1, .wanted = 1, .total = 1, .updated = 1, .available = 1});
  edit_child(observed, Slot::AgentDeployment, [](Child& child) { child.meta.generation = 2; });
  CHECK(condition(status_of(observed), "Ready") == "False Progressing");
}

TEST_CASE("status: during a surge the agent stays available while the team is not ready", "[status]") {
  const auto status = status_of(
      with_rollout({.observed_generation = 1, .wanted = 1, .total = 2, .updated = 1, .available = 1}));
  CHECK(condition(status, "Ready") == "False Progressing");
  CHECK(condition(status, "AgentAvailable") == "True Available");
}

TEST_CASE("status: a roll-out that missed its deadline is stalled", "[status]") {
  const auto status = status_of(with_rollout({.observed_generation = 1,
                                              .wanted = 1,
                                              .total = 1,
                                              .updated = 1,
                                              .available = 0,
                                              .deadline_exceeded = true}));
  CHECK(condition(status, "Stalled") == "True ProgressDeadlineExceeded");
  CHECK(condition(status, "Ready") == "False ProgressDeadlineExceeded");
  CHECK(condition(status, "Reconciling") == "absent");
}

TEST_CASE("status: a published URL stays while the agent hiccups and goes with the Service", "[status]") {
  Observed observed =
      with_rollout({.observed_generation = 1, .wanted = 1, .total = 1, .updated = 1, .available = 0});
  Team team = *observed.team;
  team.status.service_url = "http://agent-dedicated-acme-checkout.incidentfox.svc.cluster.local:8080";
  observed.team = share(team);
  CHECK(status_of(observed).service_url == team.status.service_url);
  team.spec.mode = domain::RuntimeMode::Shared;
  observed.team = share(team);
  CHECK(status_of(observed).service_url.empty());
}

TEST_CASE("status: while an autoscaler adds agents, those of its minimum are enough", "[status]") {
  const Team team =
      dedicated(a_team(), {.autoscaling = domain::Autoscaling{.min_replicas = 2, .max_replicas = 9}});
  const auto status_with = [&](const RolloutState& state) {
    Observed observed = converged(team, kBuild);
    edit_child(observed, Slot::AgentDeployment,
               [&](Child& child) { child.rollout = std::make_shared<const RolloutState>(state); });
    return status_of(observed);
  };
  const auto growing =
      status_with({.observed_generation = 1, .wanted = 5, .total = 3, .updated = 3, .available = 2});
  CHECK(condition(growing, "Ready") == "True Provisioned");
  CHECK(condition(growing, "AgentAvailable") == "True Available");
  const auto few =
      status_with({.observed_generation = 1, .wanted = 5, .total = 3, .updated = 3, .available = 1});
  CHECK(condition(few, "Ready") == "False Progressing");
  CHECK(condition(few, "AgentAvailable") == "False Unavailable");
  // A new revision is not there before the old one is gone.
  const auto rolling =
      status_with({.observed_generation = 1, .wanted = 3, .total = 4, .updated = 3, .available = 4});
  CHECK(condition(rolling, "Ready") == "False Progressing");
}

TEST_CASE("status: stalls win over errors, errors over progress", "[status]") {
  const Observed observed = converged(scheduled(a_team()), kBuild);
  Outcome outcome;
  outcome.errors.push_back(Error{ErrorCode::Unavailable, "connection refused"});
  const auto retrying = status_of(observed, outcome);
  CHECK(condition(retrying, "Reconciling") == "True Retrying");
  CHECK(condition(retrying, "Ready") == "False Retrying");
  outcome.stalls.push_back({"Conflict", "a stranger"});
  const auto stalled = status_of(observed, outcome);
  CHECK(condition(stalled, "Stalled") == "True Conflict");
  CHECK(condition(stalled, "Ready") == "False Conflict");
}

TEST_CASE("status: a storm is said, by kind and suspect, and takes nothing from the rest", "[status]") {
  const Observed observed = converged(scheduled(a_team()), kBuild);
  CHECK(condition(status_of(observed), "Responsive") == "absent");
  Outcome outcome;
  outcome.storm = kube::CircuitBreaker::Storm{.kind = "CronJob",
                                              .suspect = "argocd",
                                              .probe_interval = std::chrono::seconds{30},
                                              .next_look = std::chrono::seconds{17}};
  const auto status = status_of(observed, outcome);
  CHECK(condition(status, "Responsive") == "False WriteStorm");
  CHECK(condition(status, "Ready") == "True Provisioned");
  const std::string& message = kube::find_condition(status.conditions, "Responsive")->message;
  CHECK(message.find("CronJob is changed back") != std::string::npos);
  CHECK(message.find("field manager argocd") != std::string::npos);
  CHECK(message.find("every 30 s") != std::string::npos);
  // When it is looked at next is no reason to write a status.
  outcome.storm->next_look = std::chrono::seconds{3};
  CHECK(status_of(observed, outcome) == status);
}

TEST_CASE("status: a suspended pipeline is said so and does not hold up the team", "[status]") {
  Team team = scheduled(a_team());
  team.spec.pipeline->suspend = true;
  const auto status = status_of(converged(team, kBuild));
  CHECK(condition(status, "PipelineScheduled") == "False Suspended");
  CHECK(condition(status, "Ready") == "True Provisioned");
}

TEST_CASE("status: times move only with the status of their condition, so a second look changes nothing",
          "[status]") {
  Observed observed = converged(scheduled(a_team()), kBuild);
  Team team = *observed.team;
  team.status = status_of(observed);
  observed.team = share(team);
  const Plan plan = make_plan(observed, kBuild);
  CHECK(make_status(observed, plan, {}, {}, "2026-06-01T00:00:00Z") == team.status);
}

TEST_CASE("status: requestedAt is echoed once the pass has succeeded", "[status]") {
  Team team = scheduled(a_team());
  team.requested_at = "now";
  const Observed observed = converged(team, kBuild);
  CHECK(status_of(observed).last_handled_reconcile_at == "now");
  Outcome outcome;
  outcome.errors.push_back(Error{ErrorCode::Unavailable, "away"});
  CHECK(status_of(observed, outcome).last_handled_reconcile_at.empty());
}

TEST_CASE("status: wrong specs, duplicates and children on their way out", "[status]") {
  Team wrong = scheduled(a_team());
  wrong.errors = {{"spec.orgId", "must not be empty"}};
  CHECK(condition(status_of({share(wrong)}), "Ready") == "False InvalidSpec");

  Observed duplicate = converged(scheduled(a_team()), kBuild);
  duplicate.owner = share(a_team());
  const auto status = status_of(duplicate);
  CHECK(condition(status, "Ready") == "False DuplicateTeam");
  CHECK(status.inventory.empty());

  Observed leaving = converged(dedicated(a_team()), kBuild);
  edit_child(leaving, Slot::AgentDeployment, [](Child& child) { child.meta.deleting = true; });
  CHECK(condition(status_of(leaving), "Reconciling") == "True Terminating");
}

}  // namespace
}  // namespace tp::provisioner
