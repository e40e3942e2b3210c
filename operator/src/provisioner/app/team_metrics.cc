#include "provisioner/app/team_metrics.h"

#include <array>
#include <cstddef>
#include <string>
#include <utility>

#include "kube/core/condition.h"

namespace tp::provisioner {
namespace {

constexpr std::array<std::string_view, 5> kStates{"deleting", "suspended", "stalled", "ready", "in_progress"};

bool is_true(const domain::TeamStatus& status, std::string_view type) noexcept {
  const kube::Condition* const condition = kube::find_condition(status.conditions, type);
  return condition != nullptr && condition->status == kube::ConditionStatus::True;
}

bool is_suspended(const Team& team) noexcept { return team.spec.suspend || team.paused; }

}  // namespace

std::string_view to_string(TeamState state) noexcept { return kStates.at(static_cast<std::size_t>(state)); }

bool is_ready(const Team& team, const domain::TeamStatus& status) noexcept {
  return is_true(status, "Ready") && status.observed_generation == team.meta.generation;
}

TeamState state_of(const Team& team) noexcept {
  if (team.meta.deleting) return TeamState::Deleting;
  if (is_suspended(team)) return TeamState::Suspended;
  if (is_true(team.status, "Stalled")) return TeamState::Stalled;
  return is_ready(team, team.status) ? TeamState::Ready : TeamState::InProgress;
}

metrics::Families team_families(const std::vector<TeamPointer>& teams,
                                const ComparedAgo& compared_ago,
                                bool each) {
  std::array<std::size_t, kStates.size()> counts{};
  metrics::GaugeFamily ready{"teamprovisioning_ready", "1 when the team is as its present spec asks."};
  metrics::GaugeFamily stalled{"teamprovisioning_stalled", "1 when somebody has to act before it goes on."};
  metrics::GaugeFamily suspended{"teamprovisioning_suspended", "1 when the team is left alone on request."};
  metrics::GaugeFamily drift{"teamprovisioning_drift_seconds",
                             "How long ago what the team has in the Config Service was last compared."};
  for (const TeamPointer& team : teams) {
    ++counts.at(static_cast<std::size_t>(state_of(*team)));
    if (!each) continue;
    const metrics::Labels labels{{"namespace", team->meta.key.ns},
                                 {"name", team->meta.key.name},
                                 {"org_id", team->spec.org_id},
                                 {"team_node_id", team->spec.team_node_id}};
    ready.add(labels, is_ready(*team, team->status) ? 1 : 0);
    stalled.add(labels, is_true(team->status, "Stalled") ? 1 : 0);
    suspended.add(labels, is_suspended(*team) ? 1 : 0);
    if (const auto ago = compared_ago(team->meta.key))
      drift.add(labels, std::chrono::duration<double>(*ago).count());
  }
  metrics::GaugeFamily states{"teamprovisioning_teams", "Teams, each in one state."};
  for (std::size_t i = 0; i < kStates.size(); ++i)
    states.add({{"state", std::string{kStates.at(i)}}}, static_cast<double>(counts.at(i)));
  metrics::Families families;
  families.push_back(std::move(states).take());
  if (!each) return families;
  for (metrics::GaugeFamily* family : {&ready, &stalled, &suspended, &drift})
    families.push_back(std::move(*family).take());
  return families;
}

}  // namespace tp::provisioner
