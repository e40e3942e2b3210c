#pragma once

#include <functional>
#include <optional>
#include <string>
#include <unordered_map>

#include "base/clock.h"
#include "base/mutex.h"
#include "metrics/metrics.h"
#include "provisioner/reconcile/observed.h"

namespace tp::provisioner {

// How long teams wait for what they asked for:
//   teamprovisioning_time_to_ready_seconds   from a team's creation, or a change of its spec, to Ready
//   teamprovisioning_deletion_seconds        from its deletion to its end
// What happened while we were away is not guessed: of a team that is not Ready when we start, only one that
// never was is measured, from its creation. A team that is suspended or deleted meanwhile is not, nor one
// whose status somebody else has written, another replica. Thread-safe.
class TeamTimes {
 public:
  // `live`: whether what comes is news, and not a first listing. `active`: whether we are the one that acts;
  // of several replicas only that one counts deletions. References must outlive this.
  TeamTimes(metrics::Registry& registry,
            const Clock& clock,
            std::function<bool()> live,
            std::function<bool()> active);

  // An event of the teams' cache.
  void changed(const TeamPointer& before, const TeamPointer& after) TP_EXCLUDES(m_);
  // We have written this status of a team.
  void reported(const Team& team, const domain::TeamStatus& status) TP_EXCLUDES(m_);

 private:
  [[nodiscard]] std::optional<SteadyTime> asked_at(const TeamPointer& before, const Team& team) const;

  const Clock& clock_;
  const std::function<bool()> live_, active_;
  metrics::Histogram& time_to_ready_;
  metrics::Histogram& deletion_;

  Mutex m_;
  std::unordered_map<std::string, SteadyTime> asked_ TP_GUARDED_BY(m_);  // by uid: since when it waits
};

}  // namespace tp::provisioner
