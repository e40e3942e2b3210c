#include "provisioner/reconcile/status.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/time.h"
#include "kube/core/condition.h"
#include "provisioner/reconcile/release_rules.h"
#include "provisioner/reconcile/runtime_state.h"

namespace tp::provisioner {
namespace {

using kube::Condition;
using kube::Conditions;
using kube::ConditionStatus;

constexpr std::array<std::string_view, 3> kPlatformConditions{"ConfigSynced", "TokenReady",
                                                              "PipelineBootstrapped"};
// A run that takes longer has failed, whatever comes of it.
constexpr std::chrono::minutes kRunLimit{15};
// The schema's limits.
constexpr std::size_t kStepMessage = 1024;
constexpr std::size_t kRunError = 4096;

struct Verdict {
  std::string reason;
  std::string message;
};

class StatusBuilder {
 public:
  StatusBuilder(const Observed& observed,
                const Plan& plan,
                const Outcome& outcome,
                const PlatformReport& report)
      : observed_(observed),
        plan_(plan),
        outcome_(outcome),
        report_(report),
        deployment_(find_child(observed, Slot::AgentDeployment)) {}

  Conditions conditions() {
    // The summary reads the others.
    platform();
    schedule();
    agent();
    responsive();
    summary();
    return std::move(conditions_);
  }

 private:
  void add(std::string type, ConditionStatus status, const Verdict& verdict) {
    conditions_.push_back(Condition{
        std::move(type), status, verdict.reason, verdict.message, observed_.team->meta.generation, {}});
  }

  [[nodiscard]] std::optional<Verdict> stalled() const {
    for (const auto* stalls : {&plan_.stalls, &outcome_.stalls}) {
      if (!stalls->empty()) return Verdict{stalls->front().reason, stalls->front().message};
    }
    for (const auto* verdict : verdicts()) {
      if (verdict->state == StepVerdict::State::Failed) return Verdict{verdict->reason, verdict->message};
    }
    if (plan_.wants(Slot::AgentDeployment) && rollout_of(observed_) == Rollout::Failed) {
      return Verdict{"ProgressDeadlineExceeded",
                     "the agent's pods did not become ready in time; see `kubectl describe deployment " +
                         deployment_->meta.key.name + "` and its pods"};
    }
    return std::nullopt;
  }

  [[nodiscard]] std::optional<Verdict> in_progress() const {
    if (!outcome_.errors.empty()) return Verdict{"Retrying", outcome_.errors.front().message};
    if (!plan_.terminating.empty()) {
      return Verdict{
          "Terminating",
          "waiting for the former " + std::string{info(plan_.terminating.front()).type.kind} + " to be gone"};
    }
    if (plan_.release && plan_.release->phase == domain::ReleasePhase::Progressing) {
      return Verdict{"Upgrading", "moving from " + describe_release(plan_.release->previous) + " to " +
                                      describe_release(plan_.release->active)};
    }
    if (plan_.withdrawing) {
      return Verdict{"Withdrawing",
                     "the dedicated runtime goes when the Config Service does not name it any more"};
    }
    if (auto waiting = platform_in_progress()) return waiting;
    if (!plan_.wants(Slot::AgentDeployment)) return std::nullopt;
    switch (rollout_of(observed_)) {
      case Rollout::Absent:
      case Rollout::Progressing:
      // One text for every step of a roll-out: each other text would be another write of the status.
      case Rollout::Unavailable:
        return Verdict{"Progressing",
                       "waiting until all agent replicas are of the newest revision and ready"};
      case Rollout::Failed:
      case Rollout::Complete: return std::nullopt;
    }
    return std::nullopt;
  }

  [[nodiscard]] std::vector<const StepVerdict*> verdicts() const {
    std::vector<const StepVerdict*> found;
    for (const auto* verdict : {&report_.config, &report_.token, &report_.schedules, &report_.bootstrap}) {
      if (*verdict) found.push_back(&**verdict);
    }
    return found;
  }

  [[nodiscard]] std::optional<Verdict> platform_in_progress() const {
    for (const auto* verdict : verdicts()) {
      if (verdict->state == StepVerdict::State::Waiting) return Verdict{verdict->reason, verdict->message};
    }
    for (const Condition& condition : conditions_) {
      const bool ours = std::find(kPlatformConditions.begin(), kPlatformConditions.end(), condition.type) !=
                        kPlatformConditions.end();
      if (ours && condition.status != ConditionStatus::True)
        return Verdict{condition.reason, condition.message};
    }
    return std::nullopt;
  }

  // A step that was not taken stands as it stood; one that this generation has not come to is still to come.
  void step(std::string_view type, const std::optional<StepVerdict>& verdict) {
    const Condition* before = kube::find_condition(observed_.team->status.conditions, type);
    if (verdict) {
      const bool done = verdict->state == StepVerdict::State::Done;
      add(std::string{type}, done ? ConditionStatus::True : ConditionStatus::False,
          {verdict->reason, verdict->message});
    } else if (report_.attention == Attention::None && before == nullptr) {
      add(std::string{type}, ConditionStatus::True, {"InPlace", "done before"});
    } else if (report_.attention == Attention::None ||
               (before != nullptr && before->observed_generation == observed_.team->meta.generation)) {
      add(std::string{type}, before->status, {before->reason, before->message});
    } else {
      add(std::string{type}, ConditionStatus::False, {"Pending", "not begun yet"});
    }
  }

  void platform() {
    if (!plan_.platform) return;
    step("ConfigSynced", report_.config);
    if (domain::platform_of(observed_.team->spec).auth == domain::AuthMode::Token)
      step("TokenReady", report_.token);
    if (plan_.bootstrap) step("PipelineBootstrapped", report_.bootstrap);
  }

  void summary() {
    if (const auto why = stalled()) {
      add("Stalled", ConditionStatus::True, *why);
      add("Ready", ConditionStatus::False, *why);
    } else if (const auto what = in_progress()) {
      add("Reconciling", ConditionStatus::True, *what);
      add("Ready", ConditionStatus::False, *what);
    } else {
      add("Ready", ConditionStatus::True, {"Provisioned", "everything that the team asked for is in place"});
    }
  }

  // The same reason as before while nothing new was read.
  [[nodiscard]] std::optional<Verdict> unreadable_schedules() const {
    if (report_.schedules && report_.schedules->state == StepVerdict::State::Failed)
      return Verdict{report_.schedules->reason, report_.schedules->message};
    const Condition* before = kube::find_condition(observed_.team->status.conditions, "PipelineScheduled");
    if (report_.attention == Attention::Given || before == nullptr || before->reason != "InvalidSchedule")
      return std::nullopt;
    return Verdict{before->reason, before->message};
  }

  [[nodiscard]] std::string describe_schedules(bool pipeline, bool discovery) const {
    const domain::ResolvedSchedules schedules = domain::schedules_of(*observed_.team);
    std::string message;
    if (pipeline) {
      const domain::Pipeline& settings = *observed_.team->spec.pipeline;
      message = "AI pipeline: " + schedules.pipeline;
      if (!settings.time_zone.empty()) message += " " + settings.time_zone;
      if (settings.suspend) message += " (suspended)";
    }
    if (discovery)
      message += (pipeline ? "; " : "") + ("dependency discovery: " + schedules.dependency_discovery);
    return message;
  }

  void schedule() {
    if (const auto why = unreadable_schedules())
      return add("PipelineScheduled", ConditionStatus::False, *why);
    const bool pipeline = plan_.wants(Slot::PipelineCronJob);
    const bool discovery = plan_.wants(Slot::DiscoveryCronJob);
    if (!pipeline && !discovery) return;
    const bool there = (!pipeline || find_child(observed_, Slot::PipelineCronJob) != nullptr) &&
                       (!discovery || find_child(observed_, Slot::DiscoveryCronJob) != nullptr);
    const std::string message = describe_schedules(pipeline, discovery);
    if (!there) {
      add("PipelineScheduled", ConditionStatus::False, {"Missing", "not yet scheduled: " + message});
    } else if (pipeline && observed_.team->spec.pipeline->suspend) {
      add("PipelineScheduled", ConditionStatus::False, {"Suspended", message});
    } else {
      add("PipelineScheduled", ConditionStatus::True, {"Scheduled", message});
    }
  }

  void agent() {
    if (!plan_.wants(Slot::AgentDeployment)) return;
    if (is_available(observed_)) {
      add("AgentAvailable", ConditionStatus::True,
          {"Available", "all agent replicas that the team asked for answer"});
    } else {
      add("AgentAvailable", ConditionStatus::False,
          {"Unavailable", "fewer agent replicas answer than the team asked for"});
    }
  }

  // No time in it: each other text would be another write of the status.
  void responsive() {
    if (!outcome_.storm) return;
    const kube::CircuitBreaker::Storm& storm = *outcome_.storm;
    const auto interval = std::chrono::ceil<std::chrono::seconds>(storm.probe_interval);
    add("Responsive", ConditionStatus::False,
        {"WriteStorm", "the team's " + storm.kind + " is changed back as often as it is repaired" +
                           (storm.suspect.empty() ? "" : ", last by field manager " + storm.suspect) +
                           "; until that ends it is looked at every " + std::to_string(interval.count()) +
                           " s. Changes of the team itself are followed at once"});
  }

  const Observed& observed_;
  const Plan& plan_;
  const Outcome& outcome_;
  const PlatformReport& report_;
  const Child* deployment_;
  Conditions conditions_;
};

std::vector<domain::InventoryEntry> inventory(const Observed& observed) {
  std::vector<domain::InventoryEntry> entries;
  if (observed.owner) return entries;
  for (const ChildPointer& child : observed.children) {
    if (child->meta.deleting) continue;
    const kube::ResourceType& type = info(*child->slot).type;
    entries.push_back({type.api_version(), std::string{type.kind}, child->meta.key.name, child->meta.uid});
  }
  std::sort(entries.begin(), entries.end());
  return entries;
}

// The conditions that are steps of a run, and what they are called there.
constexpr std::array<std::pair<std::string_view, std::string_view>, 5> kSteps{{
    {"ConfigSynced", "config"},
    {"TokenReady", "token"},
    {"PipelineScheduled", "schedules"},
    {"AgentAvailable", "agent"},
    {"PipelineBootstrapped", "bootstrap"},
}};

std::vector<domain::RunStep> run_steps(const Conditions& conditions, bool failed) {
  std::vector<domain::RunStep> steps;
  for (const auto& [type, name] : kSteps) {
    const Condition* condition = kube::find_condition(conditions, type);
    if (condition == nullptr) continue;
    const bool done = condition->status == ConditionStatus::True || condition->reason == "Suspended";
    const domain::RunPhase phase = done     ? domain::RunPhase::Succeeded
                                   : failed ? domain::RunPhase::Failed
                                            : domain::RunPhase::Running;
    steps.push_back({std::string{name}, phase, condition->message.substr(0, kStepMessage)});
  }
  return steps;
}

// Who asked for this generation named the run; without a name (or if the name is that of an earlier
// generation) it is called by the generation.
std::string run_id(const Team& team) {
  const auto& last = team.status.last_run;
  const std::string& name = team.provisioning_run;
  const bool used = last && last->id == name && last->generation != team.meta.generation;
  return name.empty() || used ? "generation-" + std::to_string(team.meta.generation) : name;
}

// What came of this generation, and of what was asked for besides: written down once it is known, and then
// it stays.
domain::LastRun last_run(const Team& team, const Conditions& conditions, bool handled, std::string_view now) {
  const std::string id = run_id(team);
  const auto& before = team.status.last_run;
  domain::LastRun run{.id = id, .generation = team.meta.generation, .started_at = std::string{now}};
  if (before && before->id == id && before->generation == team.meta.generation) {
    if (before->phase != domain::RunPhase::Running) return *before;
    run.started_at = before->started_at;
  }
  const Condition* ready = kube::find_condition(conditions, "Ready");
  const auto deadline = run_deadline({.last_run = run});
  const auto time = parse_rfc3339(now);
  const bool stalled = kube::find_condition(conditions, "Stalled") != nullptr;
  if (ready->status == ConditionStatus::True && handled) {
    run.phase = domain::RunPhase::Succeeded;
  } else if (stalled || (deadline && time && *time >= *deadline)) {
    run.phase = domain::RunPhase::Failed;
    run.error = (ready->reason + ": " + ready->message).substr(0, kRunError);
  }
  run.steps = run_steps(conditions, run.phase == domain::RunPhase::Failed);
  if (run.phase != domain::RunPhase::Running) run.completed_at = now;
  return run;
}

std::shared_ptr<const domain::PlatformStatus> remembered(const Team& team) {
  return domain::platform_of(team.status) == domain::PlatformStatus{} ? nullptr : team.status.platform;
}

}  // namespace

domain::TeamStatus make_status(const Observed& observed,
                               const Plan& plan,
                               const Outcome& outcome,
                               const PlatformReport& report,
                               std::string_view now) {
  const Team& team = *observed.team;
  const bool handled = outcome.errors.empty() && !report.error && report.attention != Attention::Postponed;
  domain::TeamStatus status;
  status.observed_generation = team.meta.generation;
  status.conditions = kube::carry_transition_times(
      team.status.conditions, StatusBuilder{observed, plan, outcome, report}.conditions(), now);
  status.service_url = runtime_url(observed, plan);
  status.last_handled_reconcile_at = handled ? team.requested_at : team.status.last_handled_reconcile_at;
  status.inventory = inventory(observed);
  status.last_run = last_run(team, status.conditions, handled, now);
  status.platform = remembered(team);
  status.release =
      plan.release ? std::make_shared<const domain::ReleaseStatus>(*plan.release) : team.status.release;
  return status;
}

domain::TeamStatus make_farewell_status(const Observed& observed,
                                        const PlatformReport& report,
                                        std::string_view now) {
  const Team& team = *observed.team;
  const Verdict why{"Terminating", "waiting until the team's part in the Config Service is taken back"};
  Conditions conditions;
  const auto add = [&](std::string type, ConditionStatus status, const Verdict& verdict) {
    conditions.push_back(
        {std::move(type), status, verdict.reason, verdict.message, team.meta.generation, {}});
  };
  for (const auto& [type, verdict] :
       {std::pair{"ConfigSynced", &report.config}, std::pair{"TokenReady", &report.token}}) {
    if (*verdict) add(type, ConditionStatus::False, {(*verdict)->reason, (*verdict)->message});
  }
  add("Reconciling", ConditionStatus::True, why);
  add("Ready", ConditionStatus::False, why);
  domain::TeamStatus status = team.status;
  status.observed_generation = team.meta.generation;
  status.conditions = kube::carry_transition_times(team.status.conditions, std::move(conditions), now);
  status.platform = remembered(team);
  return status;
}

std::optional<WallTime> run_deadline(const domain::TeamStatus& status) {
  if (!status.last_run || status.last_run->phase != domain::RunPhase::Running) return std::nullopt;
  const auto started = parse_rfc3339(status.last_run->started_at);
  return started ? std::optional{*started + kRunLimit} : std::nullopt;
}

}  // namespace tp::provisioner
