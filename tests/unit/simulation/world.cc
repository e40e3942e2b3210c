#include "world.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "base/backoff.h"
#include "domain/team_provisioning.h"
#include "kube/client/api_client.h"
#include "provisioner/reconcile/caches.h"
#include "provisioner/reconcile/reconciler.h"
#include "support/model/watch_feed.h"

namespace tp::test {
namespace {

using Json = nlohmann::json;
using provisioner::ChildPointer;
using provisioner::TeamPointer;

constexpr std::chrono::hours kPatience{2};
// What is to be done later than this is a resync.
constexpr std::chrono::minutes kSoon{2};

}  // namespace

// What an operator holds in memory. The queue and its rules are those of WorkQueue and Controller, without
// their threads.
struct World::Life {
  explicit Life(World& in)
      : world(in),
        api(in.kube, in.kube, in.clock),
        caches({}, in.build_),
        feed(in.kube),
        reconciler(api, caches, {.build = in.build_}, in.clock, in.rng_, log::Logger{in.sink_, "reconcile"}) {
    caches.subscribe(
        [this](const TeamPointer& before, const TeamPointer& after) { changed(before, after); },
        [this](const ChildPointer& before, const ChildPointer& after) { changed(before, after); },
        [this](const auto& before, const auto& after) {
          if (after) return;
          for (const TeamPointer& team : caches.teams_in(before->meta.key.ns)) enqueue(*team);
        });
    for (const auto& watch : caches.watches([] {})) feed.add(watch.selection, watch.collection);
    feed.list();
  }

  void enqueue(const provisioner::Team& team) { add(team.meta.key, std::chrono::milliseconds{0}); }

  void changed(const TeamPointer& before, const TeamPointer& after) {
    for (const TeamPointer& other : caches.namesakes(after ? *after : *before)) enqueue(*other);
    enqueue(after ? *after : *before);
  }

  void changed(const ChildPointer& before, const ChildPointer& after) {
    for (const ChildPointer& child : {before, after}) {
      if (!child) continue;
      for (const TeamPointer& team : caches.owners_of(*child)) enqueue(*team);
    }
  }

  // What is due sooner wins.
  void add(const kube::ObjectKey& key, std::chrono::milliseconds delay) {
    const SteadyTime due = world.clock.now() + delay;
    const auto [it, fresh] = queue.emplace(key, due);
    if (!fresh) it->second = std::min(it->second, due);
  }

  [[nodiscard]] std::optional<std::pair<kube::ObjectKey, SteadyTime>> next() const {
    const auto first = std::min_element(queue.begin(), queue.end(), [](const auto& a, const auto& b) {
      return std::tie(a.second, a.first) < std::tie(b.second, b.first);
    });
    if (first == queue.end()) return std::nullopt;
    return *first;
  }

  void work(const kube::ObjectKey& key) {
    queue.erase(key);
    const Context ctx{{}, world.clock.now() + std::chrono::minutes{1}, "simulation"};
    const Result<kube::Next> result = reconciler.reconcile(ctx, key);
    if (result) {
      failures.erase(key);
      if (result->after) add(key, *result->after);
      return;
    }
    const Error& error = result.error();
    if (error.code == ErrorCode::Cancelled) {
      add(key, backoff.min);
    } else if (is_retryable(error.code)) {
      const auto asked = std::min(error.retry_after.value_or(std::chrono::milliseconds{0}), backoff.max);
      add(key, std::max(backoff.delay(++failures[key], world.rng_), asked));
    } else {
      failures.erase(key);
    }
  }

  World& world;
  kube::ApiClient api;
  provisioner::Caches caches;
  WatchFeed feed;
  provisioner::TeamReconciler reconciler;
  const Backoff backoff{};
  std::map<kube::ObjectKey, SteadyTime> queue;
  std::map<kube::ObjectKey, unsigned> failures;
};

World::World() : sink_(clock, -1, log::Level::Error, log::Format::Json) {}

World::~World() = default;

void World::apply(const Json& team) { kube.apply(domain::kTeamProvisionings, team, "kubectl"); }

void World::remove(const kube::ObjectKey& key) { kube.remove(domain::kTeamProvisionings, key); }

Json World::team(const kube::ObjectKey& key) const { return kube.find(domain::kTeamProvisionings, key); }

void World::restart() { life_.reset(); }

bool World::run() {
  const SteadyTime end = clock.now() + kPatience;
  while (clock.now() < end) {
    if (calls.dead()) {
      life_.reset();
      calls.revive();
    }
    if (!life_) {
      life_ = std::make_unique<Life>(*this);
      ++lives_;
    }
    if (!late_watches) life_->feed.bring();
    const auto next = life_->next();
    if (next && next->second <= clock.now()) {
      life_->work(next->first);
      continue;
    }
    // Nothing is due: first the cluster moves on, then time.
    const bool settled = kube.settle();
    if (kube.collect_garbage() || settled || life_->feed.bring()) continue;
    const bool busy = !life_->failures.empty();
    if (!next || (!busy && next->second > clock.now() + kSoon)) return true;
    clock.advance(std::chrono::ceil<std::chrono::milliseconds>(next->second - clock.now()));
  }
  return false;
}

Json team_manifest(const Json& spec) {
  Json team{{"apiVersion", domain::kTeamProvisionings.api_version()},
            {"kind", domain::kTeamProvisionings.kind},
            {"metadata", {{"namespace", kTeamKey.ns}, {"name", kTeamKey.name}}},
            {"spec", {{"orgId", "acme"}, {"teamNodeId", "checkout"}}}};
  team["spec"].update(spec);
  return team;
}

}  // namespace tp::test
