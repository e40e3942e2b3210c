#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/random.h"
#include "kube/events/event.h"
#include "kube/runtime/circuit_breaker.h"
#include "kube/runtime/reconciler.h"
#include "log/log.h"
#include "provisioner/reconcile/bulkhead.h"
#include "provisioner/reconcile/caches.h"
#include "provisioner/reconcile/execute.h"
#include "provisioner/reconcile/platform_steps.h"
#include "provisioner/reconcile/release_pacer.h"
#include "provisioner/reconcile/token_vault.h"

namespace tp::provisioner {

// The services around the cluster, for an operator that looks after teams there.
struct Platform {
  ConfigService& config;
  platform::PipelineClient* pipeline;  // null when BuildContext::bootstrap is false
  Bulkhead& bulkhead;
};

// Makes the world match one TeamProvisioning: observe, plan, execute, report. The caches must be synced
// before the first call. A pass that finds everything in place makes no request at all.
//
// The order for a team: finalizer, node and configuration in the Config Service, token, children, bootstrap.
// The agent's URL is published once its Deployment is available, and taken back before it goes. When the
// services do not answer, or are busy with others, the children are looked after all the same.
//
// A team whose objects somebody changes back as often as they are repaired is looked at only once in a while
// (CircuitBreaker; its events are our successful writes to the team's objects) and says so in a condition.
// What people ask for is done at once all the same.
class TeamReconciler final : public kube::Reconciler {
 public:
  struct Settings {
    BuildContext build{};
    // Every team is looked at again after this, ±10 %, whatever the watches say.
    std::chrono::milliseconds resync_interval{std::chrono::minutes{10}};
    // And what it has in the services is read again after this, ±10 %, unless the team says otherwise.
    std::chrono::milliseconds drift_interval{std::chrono::minutes{10}};
    // How long a deletion waits for services that do not answer.
    std::chrono::milliseconds give_up_after{std::chrono::minutes{15}};
    // Hears of every status that was written, on the thread of the pass; for metrics. May be empty.
    std::function<void(const Team&, const domain::TeamStatus&)> on_status{};
    // Of one pass: what all calls to the services may take together.
    std::chrono::milliseconds platform_time{std::chrono::seconds{25}};
    ReleasePacer::Settings releases{};
  };

  // The values of the label `source` of the breaker's metrics.
  [[nodiscard]] static std::vector<std::string> written_kinds();

  // All references must outlive this. `platform`: null when Settings::build.platform is false.
  TeamReconciler(kube::ApiClient& api,
                 Caches& caches,
                 const Platform* platform,
                 kube::CircuitBreaker& breaker,
                 kube::EventSink& events,
                 Settings settings,
                 const Clock& clock,
                 Rng& rng,
                 log::Logger log);

  [[nodiscard]] Result<kube::Next> reconcile(const Context& ctx, const kube::ObjectKey& key) override;

  // As after a restart: for a process that is not in charge any more.
  void forget_all();

  // How long ago what the team has in the services was last read and found, or put, in order; nothing if that
  // was not since our start. Thread-safe.
  [[nodiscard]] std::optional<std::chrono::nanoseconds> compared_ago(const kube::ObjectKey& key) const;

 private:
  // What is remembered of a team between passes; no decision depends on it that could not be taken without.
  struct Memory {
    // What was observed when a pass last found nothing to do. The plan is a pure function of what is
    // observed, so the same version again needs no second thought.
    std::optional<std::uint64_t> settled{};
    SteadyTime drift_check = SteadyTime::max();
    std::optional<SteadyTime> compared{};  // with the services
    // What was asked for when it was last looked at.
    std::optional<std::uint64_t> wish{};
  };

  [[nodiscard]] Result<kube::Next> look(const Context& ctx, const kube::ObjectKey& key);
  // What the caches know, and whether it is the team's turn to follow the default release.
  [[nodiscard]] std::optional<Observed> observe(const kube::ObjectKey& key);
  [[nodiscard]] Result<kube::Next> pass(const Context& ctx, const Observed& observed, const log::Logger& log);
  // Performs the plan, and counts what it changed.
  [[nodiscard]] Outcome perform(const Context& ctx,
                                const Team& team,
                                const Plan& plan,
                                const log::Logger& log);
  // Who has last changed what the plan repairs, if anyone is to be found.
  [[nodiscard]] std::string find_rival(const Context& ctx, const Plan& plan);
  // With the services, for one who has a place in the bulkhead. `first`: the plan before anything is known of
  // them.
  [[nodiscard]] Result<kube::Next> platform_pass(const Context& ctx,
                                                 const Observed& observed,
                                                 const Plan& first,
                                                 const log::Logger& log);
  [[nodiscard]] Result<kube::Next> conclude(const Context& ctx,
                                            const Observed& before,
                                            const Plan& plan,
                                            Outcome outcome,
                                            const PlatformReport& report);
  [[nodiscard]] Result<kube::Next> farewell(const Context& ctx,
                                            const Observed& observed,
                                            const Plan& plan,
                                            const log::Logger& log);
  [[nodiscard]] PlatformSteps begin(const Context& ctx, const Observed& observed);
  [[nodiscard]] bool needs_platform(const Observed& observed, const Plan& plan);
  [[nodiscard]] kube::Next next_look(const Team& team, const Outcome& outcome, const PlatformReport& report);

  // Writes a status if something other than time changed. True when it wrote.
  [[nodiscard]] Result<bool> report_status(const Context& ctx,
                                           const Team& team,
                                           const domain::TeamStatus& status);
  [[nodiscard]] Status write_status(const Context& ctx, const Team& team, const domain::TeamStatus& status);

  [[nodiscard]] std::chrono::milliseconds spread(std::chrono::milliseconds interval);
  [[nodiscard]] Memory recall(const kube::ObjectKey& key) const;
  void settle(const kube::ObjectKey& key, std::uint64_t version);
  // Whether the team asks for something else than when it was last looked at.
  [[nodiscard]] bool asks_anew(const Team& team);
  void schedule_drift_check(const Team& team, double at_least);
  void note_compared(const kube::ObjectKey& key);
  void forget(const kube::ObjectKey& key);

  kube::ApiClient& api_;
  Caches& caches_;
  const Platform* const platform_;
  kube::CircuitBreaker& breaker_;
  kube::EventSink& events_;
  const Settings settings_;
  const Clock& clock_;
  Rng& rng_;
  const log::Logger log_;
  Executor executor_;
  ReleasePacer pacer_;
  TokenVault vault_;

  mutable Mutex m_;
  std::unordered_map<kube::ObjectKey, Memory> memory_ TP_GUARDED_BY(m_);
};

}  // namespace tp::provisioner
