#include "provisioner/app/liveness.h"

namespace tp::provisioner {
namespace {

std::string in_seconds(std::chrono::nanoseconds time) {
  return std::to_string(std::chrono::duration_cast<std::chrono::seconds>(time).count()) + " s";
}

}  // namespace

std::string what_is_stuck(const SignsOfLife& signs) {
  std::string stuck;
  for (const auto& [name, silent] : signs.watches) {
    if (silent > kLongestSilence)
      stuck += "stuck: the watch of " + name + ", which has shown nothing for " + in_seconds(silent) + "\n";
  }
  for (const auto& [team, busy] : signs.workers) {
    if (busy > kLongestWork)
      stuck += "stuck: a worker, which has been busy with " + team + " for " + in_seconds(busy) + "\n";
  }
  return stuck;
}

}  // namespace tp::provisioner
