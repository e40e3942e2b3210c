#include "provisioner/app/team_metrics.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <string>
#include <tuple>
#include <utility>

#include "kube/core/condition.h"
#include "metrics/gauge_text.h"

namespace tp::provisioner {
namespace {

constexpr std::array<std::string_view, 5> kStates{"deleting", "suspended", "stalled", "ready", "in_progress"};

constexpr std::array<std::string_view, 4> kFollowing{"current", "progressing", "waiting", "failed"};

bool is_true(const domain::TeamStatus& status, std::string_view type) noexcept {
  const kube::Condition* const condition = kube::find_condition(status.conditions, type);
  return condition != nullptr && condition->status == kube::ConditionStatus::True;
}

template <std::size_t N>
metrics::MetricFamily by_state(metrics::GaugeFamily family,
                               const std::array<std::string_view, N>& states,
                               const std::array<std::size_t, N>& counts) {
  for (std::size_t i = 0; i < N; ++i)
    family.add({{"state", std::string{states.at(i)}}}, static_cast<double>(counts.at(i)));
  return std::move(family).take();
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

Following following_of(const Team& team, std::string_view release) noexcept {
  const domain::ReleaseStatus& its = domain::release_of(team.status);
  if (its.phase == domain::ReleasePhase::RolledBack && its.failed == release) return Following::Failed;
  if (its.active != release) return Following::Waiting;
  return its.phase == domain::ReleasePhase::Progressing ? Following::Progressing : Following::Current;
}

metrics::MetricFamily team_counts(const std::vector<TeamPointer>& teams) {
  std::array<std::size_t, kStates.size()> counts{};
  for (const TeamPointer& team : teams) ++counts.at(static_cast<std::size_t>(state_of(*team)));
  return by_state(metrics::GaugeFamily{"teamprovisioning_teams", "Teams, each in one state."}, kStates,
                  counts);
}

metrics::MetricFamily default_release_counts(const std::vector<TeamPointer>& teams,
                                             std::string_view release) {
  std::array<std::size_t, kFollowing.size()> counts{};
  for (const TeamPointer& team : teams) {
    if (team->spec.release.empty() && !team->meta.deleting)
      ++counts.at(static_cast<std::size_t>(following_of(*team, release)));
  }
  return by_state(metrics::GaugeFamily{"teamprovisioning_default_release_teams",
                                       "Teams that follow the default release, each in one state."},
                  kFollowing, counts);
}

std::string text_of_each(std::vector<TeamPointer> teams, const ComparedAgo& compared_ago) {
  std::sort(teams.begin(), teams.end(), [](const TeamPointer& a, const TeamPointer& b) {
    return std::tie(a->meta.key.ns, a->meta.key.name) < std::tie(b->meta.key.ns, b->meta.key.name);
  });
  metrics::GaugeText ready{"teamprovisioning_ready", "1 when the team is as its present spec asks."};
  metrics::GaugeText stalled{"teamprovisioning_stalled", "1 when somebody has to act before it goes on."};
  metrics::GaugeText suspended{"teamprovisioning_suspended", "1 when the team is left alone on request."};
  metrics::GaugeText drift{"teamprovisioning_drift_seconds",
                           "How long ago what the team has in the Config Service was last compared."};
  for (const TeamPointer& team : teams) {
    const std::string labels = metrics::label_text({{"name", team->meta.key.name},
                                                    {"namespace", team->meta.key.ns},
                                                    {"org_id", team->spec.org_id},
                                                    {"team_node_id", team->spec.team_node_id}});
    ready.add(labels, is_ready(*team, team->status) ? 1 : 0);
    stalled.add(labels, is_true(team->status, "Stalled") ? 1 : 0);
    suspended.add(labels, is_suspended(*team) ? 1 : 0);
    if (const auto ago = compared_ago(team->meta.key))
      drift.add(labels, std::chrono::duration<double>(*ago).count());
  }
  std::string text = std::move(drift).take();
  for (metrics::GaugeText* family : {&ready, &stalled, &suspended}) text += std::move(*family).take();
  return text;
}

}  // namespace tp::provisioner
