#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "metrics/collected.h"
#include "provisioner/reconcile/observed.h"

namespace tp::provisioner {

// What a team is in, as one word; the first that applies.
enum class TeamState : std::uint8_t { Deleting, Suspended, Stalled, Ready, InProgress };

[[nodiscard]] std::string_view to_string(TeamState state) noexcept;  // in_progress
// PURE. Whether `status` says that the team is Ready, and says so of the present generation.
[[nodiscard]] bool is_ready(const Team& team, const domain::TeamStatus& status) noexcept;
[[nodiscard]] TeamState state_of(const Team& team) noexcept;

// How long ago what a team has in the Config Service was last compared; nothing if that is not known.
using ComparedAgo = std::function<std::optional<std::chrono::nanoseconds>(const kube::ObjectKey&)>;

// How far a team is that names no release.
enum class Following : std::uint8_t { Current, Progressing, Waiting, Failed };

// PURE. `release`: the name of the default release; empty when there is none, and the operator's own images
// count as it.
[[nodiscard]] Following following_of(const Team& team, std::string_view release) noexcept;

// All are made from the caches at each scrape, so no series outlives its team.
// PURE. teamprovisioning_teams{state}: how many there are.
[[nodiscard]] metrics::MetricFamily team_counts(const std::vector<TeamPointer>& teams);
// PURE. teamprovisioning_default_release_teams{state}: of those that name no release and are not being
// deleted.
[[nodiscard]] metrics::MetricFamily default_release_counts(const std::vector<TeamPointer>& teams,
                                                           std::string_view release);
// PURE. As text, in the order of their names, what is told of each team by namespace, name, org_id and
// team_node_id: teamprovisioning_ready, _stalled and _suspended, 0 or 1, and _drift_seconds where
// `compared_ago` knows it.
[[nodiscard]] std::string text_of_each(std::vector<TeamPointer> teams, const ComparedAgo& compared_ago);

}  // namespace tp::provisioner
