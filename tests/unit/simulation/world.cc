#include "world.h"

#include <algorithm>
#include <map>
#include <optional>
#include <string_view>
#include <tuple>
#include <utility>

#include "base/backoff.h"
#include "crypto/encoding.h"
#include "domain/parse_team.h"
#include "domain/team_provisioning.h"
#include "json/document.h"
#include "kube/client/api_client.h"
#include "kube/client/token_source.h"
#include "platform/pipeline.h"
#include "provisioner/platform/config_service.h"
#include "provisioner/reconcile/bulkhead.h"
#include "provisioner/reconcile/caches.h"
#include "provisioner/reconcile/reconciler.h"
#include "provisioner/reconcile/triggers.h"
#include "support/condition_rules.h"
#include "support/model/watch_feed.h"

namespace tp::test {
namespace {

using Json = nlohmann::json;
using provisioner::ChildPointer;
using provisioner::TeamPointer;

constexpr std::chrono::hours kPatience{2};
// What is to be done later than this is a resync.
constexpr std::chrono::minutes kSoon{2};

provisioner::BuildContext build_context(bool platform) {
  provisioner::BuildContext build;
  build.platform = platform;
  build.bootstrap = platform;
  return build;
}

void replace_all(std::string& text, const std::string& what, const std::string& with) {
  for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + with.size())) {
    text.replace(at, what.size(), with);
  }
}

}  // namespace

// What an operator holds in memory. The queue and its rules are those of WorkQueue and Controller, without
// their threads.
struct World::Life {
  explicit Life(World& in)
      : world(in),
        build(build_context(in.platform)),
        api(in.kube, in.kube, in.clock),
        caches({}, build),
        feed(in.kube),
        config(in.config, token, in.clock),
        pipeline(in.pipeline, token, in.clock),
        bulkhead(1, [this](const kube::ObjectKey& key) { add(key, std::chrono::milliseconds{0}); }),
        services{config, &pipeline, bulkhead},
        reconciler(api,
                   caches,
                   in.platform ? &services : nullptr,
                   breaker,
                   in.told,
                   {.build = build},
                   in.clock,
                   in.rng_,
                   log::Logger{in.sink_, "reconcile"}) {
    triggers.subscribe();
    for (const auto& watch : caches.watches([] {})) feed.add(watch.selection, watch.collection);
    feed.list();
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
  const provisioner::BuildContext build;
  kube::ApiClient api;
  provisioner::Caches caches;
  WatchFeed feed;
  kube::FixedTokenSource token{crypto::Secret{"planted-principal"}};
  provisioner::ConfigService config;
  platform::PipelineClient pipeline;
  provisioner::Bulkhead bulkhead;
  const provisioner::Platform services;
  provisioner::Triggers triggers{
      caches, world.platform,
      [this](const kube::ObjectKey& key, kube::Priority) { add(key, std::chrono::milliseconds{0}); }, [] {}};
  metrics::Registry registry;
  kube::CircuitBreaker breaker{
      "teams", provisioner::TeamReconciler::written_kinds(), {}, world.clock, registry};
  provisioner::TeamReconciler reconciler;
  const Backoff backoff{};
  std::map<kube::ObjectKey, SteadyTime> queue;
  std::map<kube::ObjectKey, unsigned> failures;
};

World::World() : sink_(clock, -1, log::Level::Error, log::Format::Json) {
  calls.after_each([this] {
    look();
    judge_last_call();
  });
}

World::~World() = default;

void World::apply(const Json& team) { kube.apply(domain::kTeamProvisionings, team, "kubectl"); }

void World::annotate(const kube::ObjectKey& key, const std::string& annotation, const std::string& value) {
  kube.edit(domain::kTeamProvisionings, key, {{"metadata", {{"annotations", {{annotation, value}}}}}});
}

void World::remove(const kube::ObjectKey& key) { kube.remove(domain::kTeamProvisionings, key); }

Json World::team(const kube::ObjectKey& key) const { return kube.find(domain::kTeamProvisionings, key); }

void World::restart() { life_.reset(); }

bool World::run() {
  const SteadyTime end = clock.now() + kPatience;
  while (clock.now() < end) {
    if (step(clock.now() + kSoon)) continue;
    if (life_->failures.empty()) return true;
    clock.advance(kSoon);  // somebody waits longer than that for another try
  }
  return false;
}

bool World::run_until_call(std::size_t count) {
  const SteadyTime end = clock.now() + kPatience;
  while (clock.now() < end) {
    if (calls.count() >= count || calls.dead()) return true;
    if (!step(end)) return true;
  }
  return false;
}

void World::pass(std::chrono::milliseconds time) {
  const SteadyTime end = clock.now() + time;
  while (step(end)) {
  }
  if (clock.now() < end) clock.advance(std::chrono::ceil<std::chrono::milliseconds>(end - clock.now()));
}

bool World::run_for(std::chrono::milliseconds time) {
  pass(time);
  return run();
}

const std::vector<std::string>& World::violations() {
  look();
  return violations_;
}

void World::look() {
  for (const auto& [key, node] : config.nodes()) {
    const Json url = node.config.value(Json::json_pointer{"/agent/dedicated_service_url"}, Json{});
    if (url.is_null()) continue;
    const std::string host = url.get<std::string>().substr(std::string{"http://"}.size());
    const kube::ObjectKey name{kTeamKey.ns, host.substr(0, host.find('.'))};
    const Json deployment = kube.find(kube::kDeployments, name);
    const bool available = !deployment.is_null() && deployment.contains("status") &&
                           deployment.at("status").value("availableReplicas", 0) > 0;
    if (!available || kube.find(kube::kServices, name).is_null()) {
      violations_.push_back("no agent at " + url.get<std::string>());
    }
  }
  if (config.subject.empty() || config.live_tokens("acme", "checkout").empty()) return;
  for (const auto& token : config.live_tokens("acme", "checkout")) {
    if (token.issued_by != config.subject) continue;
    const Json made = team(kTeamKey);
    const bool taken_back = !made.is_null() && made.at("metadata").contains("finalizers");
    if (!taken_back && !may_leave_tokens) violations_.push_back("nobody will take back token " + token.id);
  }
}

void World::judge_last_call() {
  const Call& call = calls.log().back();
  if (!call.writes() || call.status >= 300) return;
  const std::string_view path = std::string_view{call.target}.substr(0, call.target.find('?'));
  if (call.service != "kubernetes") {
    if (path.ends_with("/revoke")) judge_revocation();
  } else if (path.ends_with("/status")) {
    judge_status();
  } else if (path.find("/deployments/") != std::string_view::npos) {
    judge_image();
  }
}

// What Flux, kstatus and `kubectl wait` rely on. A change of the team that came meanwhile is not known to who
// wrote this.
void World::judge_status() {
  json::Document document;
  const Json made = team(kTeamKey);
  if (made.is_null() || !document.parse(made.dump())) return;
  const auto parsed = domain::parse_team(document.root());
  if (!parsed) return violations_.push_back("a status that cannot be read");
  const domain::TeamStatus& status = parsed->team.status;
  const kube::ObjectMeta& meta = parsed->team.meta;
  const bool first = observed_uid_ != meta.uid;
  if (status.observed_generation > meta.generation ||
      (!first && status.observed_generation < observed_generation_)) {
    violations_.push_back("observedGeneration " + std::to_string(status.observed_generation) +
                          " of generation " + std::to_string(meta.generation));
  }
  observed_generation_ = status.observed_generation;
  observed_uid_ = meta.uid;
  // Only what must be remembered before anything can be said.
  if (status.observed_generation < 0 && status.conditions.empty()) return;
  const std::string broken = broken_condition_rules(status, status.observed_generation);
  if (!broken.empty()) violations_.push_back("a status: " + broken);
}

void World::judge_revocation() {
  const Json made = team(kTeamKey);
  if (made.is_null() || made.at("metadata").contains("deletionTimestamp")) return;
  for (const Json& secret : kube.list(kube::kSecrets)) {
    const Json owner = secret.value(Json::json_pointer{"/metadata/ownerReferences/0/uid"}, Json{});
    if (owner != made.at("metadata").at("uid")) continue;
    for (const auto& token : config.tokens()) {
      if (token.revoked && secret.at("data").at("token") == crypto::to_base64(token.text()))
        violations_.push_back("the Secret holds token " + token.id + ", which was revoked");
    }
  }
}

// So that an operator that dies knows what it was about to run.
void World::judge_image() {
  const Json made = team(kTeamKey);
  const Json status = made.is_null() ? Json{} : made.value("status", Json::object());
  if (!status.contains("activeRelease")) return;
  for (const Json& deployment : kube.list(kube::kDeployments)) {
    const std::string image =
        deployment.value(Json::json_pointer{"/spec/template/spec/containers/0/image"}, std::string{"agent:"});
    const std::string release = image.substr(std::min(image.find(':') + 1, image.size()));
    const bool named = status.at("activeRelease") == release ||
                       status.value("previousRelease", Json{}) == release ||
                       status.value(Json::json_pointer{"/releaseRollout/failedRelease"}, Json{}) == release;
    if (!named && !release.empty()) violations_.push_back(image + " runs, and the status does not say so");
  }
}

bool World::catch_up() { return watches == Watches::Listed ? life_->feed.list() : life_->feed.bring(); }

bool World::step(SteadyTime until) {
  if (calls.dead()) {
    life_.reset();
    calls.revive();
  }
  if (!life_) life_ = std::make_unique<Life>(*this);
  if (watches == Watches::Prompt) life_->feed.bring();
  if (watches == Watches::Frozen) life_->feed.bring(frozen);
  const auto next = life_->next();
  if (next && next->second <= clock.now()) {
    life_->work(next->first);
    return true;
  }
  // Nothing is due: first the cluster moves on, then time.
  const bool settled = kube.settle();
  if (kube.collect_garbage() || settled || catch_up()) return true;
  if (!next || next->second > until) return false;
  clock.advance(std::chrono::ceil<std::chrono::milliseconds>(next->second - clock.now()));
  return true;
}

Json World::canonical() {
  std::string text = Json{{"kubernetes", kube.canonical()},
                          {"config service", config.canonical()},
                          {"pipeline", pipeline.canonical()}}
                         .dump();
  for (const auto& token : config.tokens()) {
    const std::string what = token.revoked ? "a revoked token" : "a live token";
    replace_all(text, crypto::to_base64(token.text()), what);
    replace_all(text, token.id, what);
  }
  return Json::parse(text);
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
