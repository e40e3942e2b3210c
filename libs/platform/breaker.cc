#include "platform/breaker.h"

#include <algorithm>

namespace tp::platform {

bool Breakers::allow(const std::string& key, SteadyTime now) {
  const auto it = states_.find(key);
  if (it == states_.end() || !it->second.is_open()) return true;
  State& state = it->second;
  if (now < state.no_entry_until) return false;
  state.probing = true;
  state.no_entry_until = now + limits_.longest_pause;  // or until the probe has reported
  return true;
}

SteadyTime Breakers::next_chance(const std::string& key, SteadyTime now) const {
  const auto it = states_.find(key);
  return it == states_.end() || !it->second.is_open() ? now : std::max(now, it->second.no_entry_until);
}

void Breakers::failed(const std::string& key, SteadyTime now) {
  auto it = states_.find(key);
  if (it == states_.end()) {
    make_room();
    it = states_.emplace(key, State{}).first;
  }
  State& state = it->second;
  if (!state.is_open() && now - state.last > limits_.within) state.failures = 0;
  state.last = now;
  // Runs that were under way when it opened do not make the pause longer; only the probe does.
  const bool is_probe = state.is_open() && state.probing;
  if (++state.failures < limits_.failures || (state.is_open() && !is_probe)) return;
  state.pause = std::clamp(state.pause * 2, limits_.first_pause, limits_.longest_pause);
  state.no_entry_until = now + state.pause;
  state.probing = false;
}

bool Breakers::probing(const std::string& key) const {
  const auto at = states_.find(key);
  return at != states_.end() && at->second.probing;
}

std::size_t Breakers::open_count(SteadyTime now) const {
  const auto counts = [&](const auto& entry) {
    return entry.second.is_open() && now - entry.second.last <= limits_.within;
  };
  return static_cast<std::size_t>(std::count_if(states_.begin(), states_.end(), counts));
}

void Breakers::make_room() {
  if (states_.size() < limits_.capacity) return;
  states_.erase(std::min_element(states_.begin(), states_.end(),
                                 [](const auto& a, const auto& b) { return a.second.last < b.second.last; }));
}

}  // namespace tp::platform
