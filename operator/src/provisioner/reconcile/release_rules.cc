#include "provisioner/reconcile/release_rules.h"

#include <algorithm>
#include <utility>

namespace tp::provisioner {
namespace {

using domain::ReleasePhase;
using domain::ReleaseStatus;

bool is_dedicated(const Team& team) { return team.spec.mode == domain::RuntimeMode::Dedicated; }

ReleaseStatus moved(const Team& team, ReleaseStatus from, std::string to) {
  // One that has not proved itself is nothing to go back to.
  if (from.phase != ReleasePhase::Progressing) from.previous = std::move(from.active);
  from.active = std::move(to);
  from.phase = is_dedicated(team) ? ReleasePhase::Progressing : ReleasePhase::Complete;
  from.failed.clear();
  from.failed_generation = 0;
  return from;
}

// Somebody asks for this team, now.
bool is_asked_for(const Team& team) { return team.requested_at != team.status.last_handled_reconcile_at; }

// Others follow the default one after the other. A request that had to wait would be handled before its turn
// comes, and forgotten.
bool waits_for_turn(const Team& team) { return team.spec.release.empty() && !is_asked_for(team); }

// It failed, and nothing that could mend it has changed since.
bool is_held(const Observed& observed, const ReleaseStatus& current) {
  const Team& team = *observed.team;
  return current.phase == ReleasePhase::RolledBack && current.failed == observed.releases.wanted &&
         current.failed_generation == team.meta.generation && !is_asked_for(team);
}

bool is_to_move(const Observed& observed, const ReleaseStatus& current) {
  const Releases& releases = observed.releases;
  return releases.problem.empty() && releases.wanted != current.active && !is_held(observed, current);
}

bool can_go_back(const Observed& observed, const ReleaseStatus& current) {
  const domain::AgentRelease* failing = release_object(observed, current.active);
  const bool wished = failing == nullptr || failing->spec.auto_rollback;
  const bool possible = current.previous != current.active &&
                        (current.previous.empty() || release_object(observed, current.previous) != nullptr);
  return wished && possible;
}

}  // namespace

Releases releases_for(const domain::TeamProvisioning& team,
                      const FindRelease& find,
                      const ReleasePointer& default_release) {
  const ReleaseStatus& status = domain::release_of(team.status);
  const auto by_name = [&](const std::string& name) { return name.empty() ? nullptr : find(name); };
  Releases releases{
      .wanted = team.spec.release,
      .wanted_release = team.spec.release.empty() ? default_release : by_name(team.spec.release),
      .active = by_name(status.active),
      .previous = by_name(status.previous)};
  if (releases.wanted_release) {
    releases.wanted = releases.wanted_release->meta.key.name;
    if (const auto& errors = releases.wanted_release->errors; !errors.empty())
      releases.problem = "AgentRelease " + releases.wanted + " cannot be used: " + domain::describe(errors);
  } else if (!releases.wanted.empty()) {
    releases.problem = "AgentRelease " + releases.wanted + " does not exist";
  }
  return releases;
}

bool is_first_pass(const Observed& observed) {
  const domain::TeamStatus& status = observed.team->status;
  const bool bare =
      std::none_of(observed.children.begin(), observed.children.end(),
                   [](const ChildPointer& child) { return child->managed_by == ManagedBy::Operator; });
  return !status.release && (status.observed_generation < 0 || bare);
}

ReleaseStatus current_release(const Observed& observed) {
  const Team& team = *observed.team;
  ReleaseStatus current = domain::release_of(team.status);
  if (!observed.releases.problem.empty()) return current;
  if (is_first_pass(observed)) {
    current.active = observed.releases.wanted;
  } else if (!current.active.empty() && release_object(observed, current.active) == nullptr) {
    current = moved(team, std::move(current), observed.releases.wanted);
  }
  return current;
}

const domain::AgentRelease* release_object(const Observed& observed, const std::string& name) {
  const Releases& releases = observed.releases;
  for (const ReleasePointer* release : {&releases.wanted_release, &releases.active, &releases.previous}) {
    if (*release && (*release)->meta.key.name == name) return release->get();
  }
  return nullptr;
}

ReleaseStatus next_release(const Observed& observed,
                           const ReleaseStatus& current,
                           bool applied,
                           Rollout rollout) {
  const Team& team = *observed.team;
  ReleaseStatus next = current;
  if (next.phase == ReleasePhase::Progressing && !is_dedicated(team)) next.phase = ReleasePhase::Complete;
  if (next.phase == ReleasePhase::Progressing && applied) {
    if (rollout == Rollout::Complete) {
      next.phase = ReleasePhase::Complete;
    } else if (rollout == Rollout::Failed && can_go_back(observed, next)) {
      next.failed = std::exchange(next.active, next.previous);
      next.failed_generation = team.meta.generation;
      next.phase = ReleasePhase::RolledBack;
      return next;
    }
  }
  if (is_to_move(observed, next)) {
    if (!waits_for_turn(team) || !observed.releases.turn_in)
      return moved(team, std::move(next), observed.releases.wanted);
  } else if (next.phase == ReleasePhase::RolledBack && next.active == observed.releases.wanted) {
    next.phase = ReleasePhase::Complete;  // it is not to run the failed one any more
    next.failed.clear();
    next.failed_generation = 0;
  }
  return next;
}

bool wants_turn(const Observed& observed) {
  const Team& team = *observed.team;
  return waits_for_turn(team) && !is_first_pass(observed) && is_to_move(observed, current_release(observed));
}

std::string describe_release(const std::string& name) {
  return name.empty() ? "the operator's own images" : "AgentRelease " + name;
}

}  // namespace tp::provisioner
