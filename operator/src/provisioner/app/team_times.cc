#include "provisioner/app/team_times.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>
#include <vector>

#include "provisioner/app/team_metrics.h"

namespace tp::provisioner {
namespace {

// A shared team takes milliseconds, a dedicated one the time of its pods; a deletion waits up to 15 min.
const std::vector<double>& buckets() {
  static const std::vector<double> kBuckets{0.05, 0.1, 0.25, 0.5, 1,   2.5, 5,    10,
                                            20,   30,  60,   120, 300, 900, 1800, 3600};
  return kBuckets;
}

double seconds(std::chrono::nanoseconds time) { return std::chrono::duration<double>(time).count(); }

}  // namespace

TeamTimes::TeamTimes(metrics::Registry& registry,
                     const Clock& clock,
                     std::function<bool()> live,
                     std::function<bool()> active)
    : clock_(clock),
      live_(std::move(live)),
      active_(std::move(active)),
      time_to_ready_(registry.histogram("teamprovisioning_time_to_ready_seconds",
                                        "From a team's creation, or a change of its spec, to Ready.",
                                        buckets())),
      deletion_(registry.histogram(
          "teamprovisioning_deletion_seconds", "From a team's deletion to its end.", buckets())) {}

void TeamTimes::changed(const TeamPointer& before, const TeamPointer& after) {
  const auto since = after ? asked_at(before, *after) : std::nullopt;
  const Team& team = after ? *after : *before;
  // The one who acts hears of Ready from itself: the event may come before reported() does.
  const bool over = !after || team.meta.deleting || team.spec.suspend || team.paused ||
                    (!active_() && is_ready(team, team.status));
  {
    const MutexLock lock{m_};
    if (over) {
      asked_.erase(team.meta.uid);
    } else if (since) {
      asked_[team.meta.uid] = *since;
    }
  }
  if (!after && team.meta.deleting && active_())
    deletion_.Observe(std::max(0.0, seconds(clock_.wall_now() - team.deleted)));
}

// When the team has asked for what this event tells; nothing if the event tells nothing new, or if we do not
// know.
std::optional<SteadyTime> TeamTimes::asked_at(const TeamPointer& before, const Team& team) const {
  const bool is_new = !before || before->meta.uid != team.meta.uid;
  if (!is_new && before->meta.generation == team.meta.generation) return std::nullopt;
  if (!is_new || live_()) return clock_.now();
  if (team.meta.generation > 1 || team.status.observed_generation >= 1) return std::nullopt;
  return clock_.now() - (clock_.wall_now() - team.meta.created);
}

void TeamTimes::reported(const Team& team, const domain::TeamStatus& status) {
  if (!is_ready(team, status)) return;
  std::optional<SteadyTime> since;
  {
    const MutexLock lock{m_};
    const auto found = asked_.find(team.meta.uid);
    if (found == asked_.end()) return;
    since = found->second;
    asked_.erase(found);
  }
  time_to_ready_.Observe(seconds(clock_.now() - *since));
}

}  // namespace tp::provisioner
