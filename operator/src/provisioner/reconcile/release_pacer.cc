#include "provisioner/reconcile/release_pacer.h"

#include <algorithm>
#include <utility>

namespace tp::provisioner {

using std::chrono::milliseconds;

ReleasePacer::ReleasePacer(Settings settings, const Clock& clock, Count progressing, Count failed)
    : settings_(settings), clock_(clock), progressing_(std::move(progressing)), failed_(std::move(failed)) {}

std::optional<milliseconds> ReleasePacer::turn_in(const kube::ObjectKey& team, const std::string& release) {
  const bool held = is_held(release);
  const SteadyTime now = clock_.now();
  const MutexLock lock{m_};
  const auto [found, added] = line_.try_emplace(team);
  Place& place = found->second;
  if (place.come) return std::nullopt;
  if (added) place.turn = last_in_line();
  if (now < place.turn) return std::max(milliseconds{1}, std::chrono::ceil<milliseconds>(place.turn - now));
  if (!held) {
    place.come = true;
    return std::nullopt;
  }
  place.turn = last_in_line();
  // Never at once, however fast the line is: what holds it takes its time.
  return std::max(milliseconds{1000}, std::chrono::ceil<milliseconds>(place.turn - now));
}

void ReleasePacer::leave(const kube::ObjectKey& team) {
  const MutexLock lock{m_};
  line_.erase(team);
}

SteadyTime ReleasePacer::last_in_line() {
  const SteadyTime now = clock_.now();
  if (settings_.teams_per_minute == 0) return now;
  const auto step = std::chrono::duration_cast<SteadyTime::duration>(
      std::chrono::duration<double>(60.0 / settings_.teams_per_minute));
  last_ = std::max(now, last_ + step);
  return last_;
}

bool ReleasePacer::is_held(const std::string& release) const {
  return progressing_(release) >= settings_.max_progressing || failed_(release) >= settings_.max_failed;
}

}  // namespace tp::provisioner
