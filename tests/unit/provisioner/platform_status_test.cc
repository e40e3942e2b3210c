#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/time.h"
#include "provisioner/reconcile/status.h"
#include "support/catch.h"
#include "support/condition_rules.h"
#include "support/teams.h"

namespace tp::provisioner {
namespace {

using domain::RunPhase;
using test::a_team;
using test::converged;
using test::dedicated;
using test::scheduled;
using test::share;
using State = StepVerdict::State;
using Strings = std::vector<std::string>;

const BuildContext kBuild{.platform = true, .bootstrap = true};
constexpr std::string_view kNow = "2026-01-01T00:00:00Z";
constexpr std::string_view kLater = "2026-01-01T00:01:00Z";

const StepVerdict kDone{State::Done, "Synced", "as asked"};
const StepVerdict kWaiting{State::Waiting, "DependencyUnavailable", "trying again"};
const StepVerdict kFailed{State::Failed, "Rejected", "somebody must act"};

PlatformReport all_done() {
  return {.config = kDone, .token = kDone, .bootstrap = kDone, .attention = Attention::Given};
}

domain::TeamStatus status_of(const Observed& observed,
                             const PlatformReport& report,
                             std::string_view now = kNow,
                             const Outcome& outcome = {}) {
  auto status = make_status(observed, make_plan(observed, kBuild), outcome, report, now);
  CHECK(test::broken_condition_rules(status, observed.team->meta.generation).empty());
  return status;
}

// "True Provisioned"; "absent".
std::string condition(const domain::TeamStatus& status, std::string_view type) {
  const kube::Condition* found = kube::find_condition(status.conditions, type);
  if (found == nullptr) return "absent";
  return std::string{to_string(found->status)} + " " + found->reason;
}

// The team after its status was written; `generation` as it is now.
Observed with_status(const domain::TeamStatus& status, Team team, std::int64_t generation = 1) {
  team.status = status;
  team.meta.generation = generation;
  return converged(team, kBuild);
}

TEST_CASE("platform status: a condition for each step that applies", "[platform_status]") {
  const auto status = status_of(converged(a_team(), kBuild), all_done());
  CHECK(condition(status, "ConfigSynced") == "True Synced");
  CHECK(condition(status, "TokenReady") == "True Synced");
  CHECK(condition(status, "PipelineBootstrapped") == "True Synced");
  CHECK(condition(status, "Ready") == "True Provisioned");

  Team oidc = a_team();
  oidc.spec.platform =
      std::make_shared<const domain::PlatformSpec>(domain::PlatformSpec{.auth = domain::AuthMode::Oidc});
  oidc.spec.pipeline = domain::Pipeline{.bootstrap = domain::BootstrapPolicy::Never};
  const auto less = status_of(converged(oidc, kBuild), {.config = kDone, .attention = Attention::Given});
  CHECK(condition(less, "ConfigSynced") == "True Synced");
  CHECK(condition(less, "TokenReady") == "absent");
  CHECK(condition(less, "PipelineBootstrapped") == "absent");
  CHECK(condition(less, "Ready") == "True Provisioned");
}

TEST_CASE("platform status: one step that waits or fails is the team's state", "[platform_status]") {
  using Member = std::optional<StepVerdict> PlatformReport::*;
  for (const auto& [type, member] :
       {std::pair<std::string_view, Member>{"ConfigSynced", &PlatformReport::config},
        std::pair<std::string_view, Member>{"TokenReady", &PlatformReport::token},
        std::pair<std::string_view, Member>{"PipelineBootstrapped", &PlatformReport::bootstrap}}) {
    INFO(type);
    PlatformReport report = all_done();
    report.*member = kWaiting;
    const auto waiting = status_of(converged(a_team(), kBuild), report);
    CHECK(condition(waiting, type) == "False DependencyUnavailable");
    CHECK(condition(waiting, "Reconciling") == "True DependencyUnavailable");
    CHECK(condition(waiting, "Ready") == "False DependencyUnavailable");
    CHECK(condition(waiting, "Stalled") == "absent");

    report.*member = kFailed;
    const auto failed = status_of(converged(a_team(), kBuild), report);
    CHECK(condition(failed, type) == "False Rejected");
    CHECK(condition(failed, "Stalled") == "True Rejected");
    CHECK(condition(failed, "Ready") == "False Rejected");
  }
}

TEST_CASE("platform status: a step that this pass did not come to stands as it stood", "[platform_status]") {
  PlatformReport report = all_done();
  report.token = kWaiting;
  const auto before = status_of(converged(a_team(), kBuild), report);
  const PlatformReport cut{.config = kWaiting, .attention = Attention::Given};
  const auto after = status_of(with_status(before, a_team()), cut);
  CHECK(condition(after, "ConfigSynced") == "False DependencyUnavailable");
  CHECK(condition(after, "TokenReady") == "False DependencyUnavailable");
  CHECK(condition(after, "PipelineBootstrapped") == "True Synced");
}

TEST_CASE("platform status: what was never begun, or not for this generation, is pending",
          "[platform_status]") {
  for (const Attention attention : {Attention::Given, Attention::Postponed}) {
    const PlatformReport none{.attention = attention};
    const auto fresh = status_of(converged(a_team(), kBuild), none);
    CHECK(condition(fresh, "ConfigSynced") == "False Pending");
    CHECK(condition(fresh, "Reconciling") == "True Pending");

    const auto before = status_of(converged(a_team(), kBuild), all_done());
    CHECK(condition(status_of(with_status(before, a_team()), none), "ConfigSynced") == "True Synced");
    CHECK(condition(status_of(with_status(before, a_team(), 2), none), "ConfigSynced") == "False Pending");
  }
}

TEST_CASE("platform status: a settled team's steps are carried into a new generation", "[platform_status]") {
  const auto before = status_of(converged(a_team(), kBuild), all_done());
  const auto after = status_of(with_status(before, a_team(), 2), {}, kLater);
  CHECK(condition(after, "ConfigSynced") == "True Synced");
  CHECK(condition(after, "Ready") == "True Provisioned");
  CHECK(kube::find_condition(after.conditions, "ConfigSynced")->last_transition_time == kNow);
  // Its conditions may have been taken away by somebody.
  CHECK(condition(status_of(converged(a_team(), kBuild), {}), "TokenReady") == "True InPlace");
}

TEST_CASE("platform status: schedules that cannot be read are told where they belong", "[platform_status]") {
  Team team = scheduled(a_team());
  team.spec.pipeline->source = domain::ScheduleSource::ConfigService;
  PlatformReport report = all_done();
  report.schedules = StepVerdict{State::Failed, "InvalidSchedule", "no cron expression"};
  const auto status = status_of(converged(team, kBuild), report);
  CHECK(condition(status, "PipelineScheduled") == "False InvalidSchedule");
  CHECK(condition(status, "Stalled") == "True InvalidSchedule");

  const Observed later = with_status(status, team);
  CHECK(condition(status_of(later, {}), "PipelineScheduled") == "False InvalidSchedule");
  PlatformReport mended = all_done();
  mended.schedules = kDone;
  CHECK(condition(status_of(later, mended), "PipelineScheduled") == "absent");
}

TEST_CASE("platform status: requestedAt is not echoed while the services wait for their turn or fail",
          "[platform_status]") {
  Team team = a_team();
  team.requested_at = "now";
  team.status.last_handled_reconcile_at = "before";
  const Observed observed = converged(team, kBuild);
  CHECK(status_of(observed, all_done()).last_handled_reconcile_at == "now");
  CHECK(status_of(observed, {}).last_handled_reconcile_at == "now");
  CHECK(status_of(observed, {.attention = Attention::Postponed}).last_handled_reconcile_at == "before");
  PlatformReport failing = all_done();
  failing.error = Error{ErrorCode::Unavailable, "away"};
  CHECK(status_of(observed, failing).last_handled_reconcile_at == "before");
}

TEST_CASE("last run: named by who asked for it, or by the generation", "[last_run]") {
  Team team = a_team();
  CHECK(status_of(converged(team, kBuild), all_done()).last_run->id == "generation-1");
  team.provisioning_run = "run-1";
  const auto first = status_of(converged(team, kBuild), all_done());
  CHECK(first.last_run->id == "run-1");
  CHECK(first.last_run->generation == 1);
  // Somebody edits the team, and the annotation is still there.
  const auto second = status_of(with_status(first, team, 2), all_done());
  CHECK(second.last_run->id == "generation-2");
  team.provisioning_run = "run-3";
  CHECK(status_of(with_status(second, team, 3), all_done()).last_run->id == "run-3");
}

TEST_CASE("last run: runs until the team is ready", "[last_run]") {
  PlatformReport waiting = all_done();
  waiting.token = kWaiting;
  const Team team = scheduled(a_team());
  const auto running = status_of(converged(team, kBuild), waiting);
  CHECK(running.last_run->phase == RunPhase::Running);
  CHECK(running.last_run->started_at == kNow);
  CHECK(running.last_run->completed_at.empty());
  std::vector<std::pair<std::string, RunPhase>> steps;
  for (const auto& step : running.last_run->steps) steps.emplace_back(step.name, step.phase);
  CHECK(steps == std::vector<std::pair<std::string, RunPhase>>{{"config", RunPhase::Succeeded},
                                                               {"token", RunPhase::Running},
                                                               {"schedules", RunPhase::Succeeded},
                                                               {"bootstrap", RunPhase::Succeeded}});
  CHECK(running.last_run->steps.at(1).message == "trying again");

  const auto done = status_of(with_status(running, team), all_done(), kLater);
  CHECK(done.last_run->phase == RunPhase::Succeeded);
  CHECK(done.last_run->started_at == kNow);
  CHECK(done.last_run->completed_at == kLater);
  CHECK(done.last_run->error.empty());
}

TEST_CASE("last run: what came of it stays, and a new generation begins another", "[last_run]") {
  PlatformReport failing = all_done();
  failing.config = kFailed;
  const auto failed = status_of(converged(a_team(), kBuild), failing);
  CHECK(failed.last_run->phase == RunPhase::Failed);
  CHECK(failed.last_run->error == "Rejected: somebody must act");
  CHECK(failed.last_run->completed_at == kNow);
  CHECK(failed.last_run->steps.front().phase == RunPhase::Failed);
  CHECK(status_of(with_status(failed, a_team()), all_done(), kLater).last_run == failed.last_run);

  const auto next = status_of(with_status(failed, a_team(), 2), all_done(), kLater).last_run;
  CHECK(next->phase == RunPhase::Succeeded);
  CHECK(next->started_at == kLater);
}

TEST_CASE("last run: a quarter of an hour is the limit", "[last_run]") {
  PlatformReport waiting = all_done();
  waiting.config = kWaiting;
  const auto running = status_of(converged(a_team(), kBuild), waiting);
  REQUIRE(run_deadline(running));
  CHECK(to_rfc3339(*run_deadline(running)) == "2026-01-01T00:15:00Z");
  const Observed observed = with_status(running, a_team());
  CHECK(status_of(observed, waiting, "2026-01-01T00:14:59Z").last_run->phase == RunPhase::Running);
  const auto failed = status_of(observed, waiting, "2026-01-01T00:15:00Z");
  CHECK(failed.last_run->phase == RunPhase::Failed);
  CHECK(failed.last_run->error == "DependencyUnavailable: trying again");
  CHECK(run_deadline(failed) == std::nullopt);
  CHECK(run_deadline({}) == std::nullopt);
  // In time after all is in time.
  CHECK(status_of(observed, all_done(), "2026-01-01T00:20:00Z").last_run->phase == RunPhase::Succeeded);
}

TEST_CASE("platform status: the memory is kept as it is, and nothing when there is none",
          "[platform_status]") {
  CHECK(status_of(converged(a_team(), kBuild), all_done()).platform == nullptr);
  Team team = a_team();
  team.status.platform = std::make_shared<const domain::PlatformStatus>();
  CHECK(status_of(converged(team, kBuild), all_done()).platform == nullptr);
  team.status.platform =
      std::make_shared<const domain::PlatformStatus>(domain::PlatformStatus{.token_secret = "s"});
  CHECK(status_of(converged(team, kBuild), all_done()).platform->token_secret == "s");
}

TEST_CASE("farewell status: what the deletion waits for", "[platform_status]") {
  Team team = a_team();
  team.status = status_of(converged(team, kBuild), all_done());
  team.meta.generation = 2;
  team.meta.deleting = true;
  const auto farewell = [&](const PlatformReport& report) {
    auto status = make_farewell_status({share(team)}, report, kLater);
    CHECK(test::broken_condition_rules(status, 2).empty());
    return status;
  };
  const auto waiting = farewell({.config = kWaiting, .token = kWaiting});
  CHECK(condition(waiting, "ConfigSynced") == "False DependencyUnavailable");
  CHECK(condition(waiting, "TokenReady") == "False DependencyUnavailable");
  CHECK(condition(waiting, "Ready") == "False Terminating");
  CHECK(condition(waiting, "Reconciling") == "True Terminating");
  CHECK(condition(waiting, "PipelineBootstrapped") == "absent");
  // The rest is as it was.
  CHECK(waiting.last_run == team.status.last_run);
  CHECK(waiting.inventory == team.status.inventory);

  const auto bare = farewell({});
  CHECK(condition(bare, "ConfigSynced") == "absent");
  CHECK(condition(bare, "Ready") == "False Terminating");
}

}  // namespace
}  // namespace tp::provisioner
