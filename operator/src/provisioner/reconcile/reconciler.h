#pragma once

#include <chrono>
#include <cstdint>
#include <unordered_map>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/random.h"
#include "kube/runtime/reconciler.h"
#include "log/log.h"
#include "provisioner/reconcile/caches.h"
#include "provisioner/reconcile/execute.h"

namespace tp::provisioner {

// Makes the world match one TeamProvisioning: observe, plan, execute, report. The caches must be synced
// before the first call. A pass that finds everything in place makes no request at all.
class TeamReconciler final : public kube::Reconciler {
 public:
  struct Settings {
    BuildContext build;
    // Every team is looked at again after this, ±10 %, whatever the watches say.
    std::chrono::milliseconds resync_interval{std::chrono::minutes{10}};
  };

  // All references must outlive this.
  TeamReconciler(
      kube::ApiClient& api, Caches& caches, Settings settings, const Clock& clock, Rng& rng, log::Logger log);

  [[nodiscard]] Result<kube::Next> reconcile(const Context& ctx, const kube::ObjectKey& key) override;

 private:
  [[nodiscard]] Result<kube::Next> pass(const Context& ctx, const Observed& observed, const log::Logger& log);
  // Writes the status if something other than time changed. True when it wrote.
  [[nodiscard]] Result<bool> report(const Context& ctx, const Team& team, const domain::TeamStatus& status);
  [[nodiscard]] kube::Next again();
  [[nodiscard]] bool settled(const kube::ObjectKey& key, std::uint64_t version) const;
  void settle(const kube::ObjectKey& key, std::uint64_t version);
  void forget(const kube::ObjectKey& key);

  kube::ApiClient& api_;
  Caches& caches_;
  const Settings settings_;
  const Clock& clock_;
  Rng& rng_;
  const log::Logger log_;
  Executor executor_;

  mutable Mutex m_;
  // What was observed when a pass last found nothing to do. The plan is a pure function of what is observed,
  // so the same version again needs no second thought.
  std::unordered_map<kube::ObjectKey, std::uint64_t> settled_ TP_GUARDED_BY(m_);
};

}  // namespace tp::provisioner
