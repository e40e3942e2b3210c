#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
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

// PURE. The metrics of teams as they are in the caches, made at each scrape: so no series outlives its team.
//   teamprovisioning_teams{state}                                    how many there are
// and with `each`, labelled namespace, name, org_id and team_node_id:
//   teamprovisioning_ready, _stalled, _suspended                     0 or 1
//   teamprovisioning_drift_seconds                                   where `compared_ago` knows it
[[nodiscard]] metrics::Families team_families(const std::vector<TeamPointer>& teams,
                                              const ComparedAgo& compared_ago,
                                              bool each);

}  // namespace tp::provisioner
