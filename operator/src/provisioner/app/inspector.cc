#include "provisioner/app/inspector.h"

#include <chrono>
#include <utility>

#include <nlohmann/json.hpp>

#include "provisioner/app/liveness.h"

namespace tp::provisioner {
namespace {

using Json = nlohmann::json;

// Of each class of the queue.
constexpr std::size_t kShownKeys = 20;

double seconds(std::chrono::nanoseconds time) { return std::chrono::duration<double>(time).count(); }

Json lane(const kube::WorkQueue& queue, kube::Priority priority, std::size_t due) {
  Json longest = Json::array();
  for (const kube::WorkQueue::Item& item : queue.longest_waiting(priority, kShownKeys))
    longest.push_back({{"team", item.key.str()}, {"seconds", seconds(item.waited)}});
  return {{"due", due}, {"longest_waiting", std::move(longest)}};
}

}  // namespace

std::string Inspector::not_ready() const {
  std::string missing;
  for (const Watcher& watcher : parts_.watchers) {
    if (watcher.synced()) continue;
    missing +=
        "not synced: " + watcher.name + " (" + std::string{to_string(watcher.reflector->state())} + ")\n";
  }
  return missing;
}

std::string Inspector::stuck() const {
  SignsOfLife signs;
  const SteadyTime now = parts_.clock.now();
  for (const Watcher& watcher : parts_.watchers)
    signs.watches.push_back({watcher.name, now - watcher.reflector->last_active()});
  for (const kube::Controller::Running& running : parts_.controller.running())
    signs.workers.push_back({running.key.str(), running.age});
  return what_is_stuck(signs);
}

Json Inspector::state() const {
  const SteadyTime now = parts_.clock.now();
  const kube::WorkQueue::Stats stats = parts_.queue.stats();
  Json running = Json::array();
  for (const kube::Controller::Running& one : parts_.controller.running()) {
    running.push_back(
        {{"team", one.key.str()}, {"reconcile_id", one.reconcile_id}, {"seconds", seconds(one.age)}});
  }
  Json watches = Json::array();
  for (const Watcher& watcher : parts_.watchers) {
    watches.push_back({{"name", watcher.name},
                       {"state", to_string(watcher.reflector->state())},
                       {"synced", watcher.synced()},
                       {"objects", watcher.size()},
                       {"seconds_since_progress", seconds(now - watcher.reflector->last_progress())}});
  }
  Json state{{"version", TP_VERSION},
             {"queue",
              {{"changes", lane(parts_.queue, kube::Priority::Normal, stats.normal)},
               {"resyncs", lane(parts_.queue, kube::Priority::Low, stats.low)},
               {"delayed", stats.delayed}}},
             {"running", std::move(running)},
             {"watches", std::move(watches)},
             {"services", parts_.services()}};
  if (parts_.leader) state["leader"] = parts_.leader();
  return state;
}

}  // namespace tp::provisioner
