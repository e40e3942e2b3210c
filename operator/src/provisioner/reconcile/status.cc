#include "provisioner/reconcile/status.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "kube/core/condition.h"
#include "provisioner/desired/agent.h"

namespace tp::provisioner {
namespace {

using kube::Condition;
using kube::Conditions;
using kube::ConditionStatus;

struct Verdict {
  std::string reason;
  std::string message;
};

const Child* find(const Observed& observed, Slot slot) {
  const auto found =
      std::find_if(observed.children.begin(), observed.children.end(),
                   [&](const ChildPointer& child) { return child->slot == slot && !child->meta.deleting; });
  return found == observed.children.end() ? nullptr : found->get();
}

enum class Rollout { Absent, Progressing, Failed, Unavailable, Complete };

// As `kubectl rollout status` reads a Deployment, and further: a finished roll-out that has lost replicas is
// Unavailable.
Rollout rollout_of(const Child* deployment) {
  if (deployment == nullptr || !deployment->rollout) return Rollout::Absent;
  const RolloutState& state = *deployment->rollout;
  if (state.observed_generation < deployment->meta.generation) return Rollout::Progressing;
  if (state.updated < state.wanted || state.total > state.updated) {
    return state.deadline_exceeded ? Rollout::Failed : Rollout::Progressing;
  }
  if (state.available < state.wanted) return state.deadline_exceeded ? Rollout::Failed : Rollout::Unavailable;
  return Rollout::Complete;
}

// Enough agents answer, be they of the old or the new revision.
bool available(const Child* deployment) {
  return deployment != nullptr && deployment->rollout && deployment->rollout->wanted > 0 &&
         deployment->rollout->available >= deployment->rollout->wanted;
}

class StatusBuilder {
 public:
  StatusBuilder(const Observed& observed, const Plan& plan, const Outcome& outcome)
      : observed_(observed),
        plan_(plan),
        outcome_(outcome),
        deployment_(find(observed, Slot::AgentDeployment)) {}

  Conditions conditions() {
    summary();
    schedule();
    agent();
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
    if (plan_.wants(Slot::AgentDeployment) && rollout_of(deployment_) == Rollout::Failed) {
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
    if (!plan_.wants(Slot::AgentDeployment)) return std::nullopt;
    switch (rollout_of(deployment_)) {
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

  void schedule() {
    const bool pipeline = plan_.wants(Slot::PipelineCronJob);
    const bool discovery = plan_.wants(Slot::DiscoveryCronJob);
    if (!pipeline && !discovery) return;
    const bool there = (!pipeline || find(observed_, Slot::PipelineCronJob) != nullptr) &&
                       (!discovery || find(observed_, Slot::DiscoveryCronJob) != nullptr);
    const domain::TeamSpec& spec = observed_.team->spec;
    std::string message;
    if (pipeline) {
      message = "AI pipeline: " + spec.pipeline->schedule;
      if (!spec.pipeline->time_zone.empty()) message += " " + spec.pipeline->time_zone;
      if (spec.pipeline->suspend) message += " (suspended)";
    }
    if (discovery)
      message += (pipeline ? "; " : "") + ("dependency discovery: " + spec.dependency_discovery->schedule);
    if (!there) {
      add("PipelineScheduled", ConditionStatus::False, {"Missing", "not yet scheduled: " + message});
    } else if (pipeline && spec.pipeline->suspend) {
      add("PipelineScheduled", ConditionStatus::False, {"Suspended", message});
    } else {
      add("PipelineScheduled", ConditionStatus::True, {"Scheduled", message});
    }
  }

  void agent() {
    if (!plan_.wants(Slot::AgentDeployment)) return;
    if (available(deployment_)) {
      add("AgentAvailable", ConditionStatus::True,
          {"Available", "all agent replicas that the team asked for answer"});
    } else {
      add("AgentAvailable", ConditionStatus::False,
          {"Unavailable", "fewer agent replicas answer than the team asked for"});
    }
  }

  const Observed& observed_;
  const Plan& plan_;
  const Outcome& outcome_;
  const Child* deployment_;
  Conditions conditions_;
};

// Published only once the agent can answer; not withdrawn because it hiccups.
std::string service_url(const Observed& observed, const Plan& plan) {
  const Child* service = find(observed, Slot::AgentService);
  if (!plan.wants(Slot::AgentService) || service == nullptr) return {};
  std::string url = agent_url(*observed.team, service->meta.key.name);
  const bool published = observed.team->status.service_url == url;
  return published || available(find(observed, Slot::AgentDeployment)) ? url : std::string{};
}

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

}  // namespace

domain::TeamStatus make_status(const Observed& observed,
                               const Plan& plan,
                               const Outcome& outcome,
                               std::string_view now) {
  const Team& team = *observed.team;
  domain::TeamStatus status;
  status.observed_generation = team.meta.generation;
  status.conditions = kube::carry_transition_times(team.status.conditions,
                                                   StatusBuilder{observed, plan, outcome}.conditions(), now);
  status.service_url = service_url(observed, plan);
  status.last_handled_reconcile_at =
      outcome.errors.empty() ? team.requested_at : team.status.last_handled_reconcile_at;
  status.inventory = inventory(observed);
  return status;
}

}  // namespace tp::provisioner
