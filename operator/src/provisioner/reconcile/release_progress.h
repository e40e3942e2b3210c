#pragma once

#include <cstdint>

#include "kube/client/api_client.h"
#include "kube/runtime/reconciler.h"
#include "provisioner/reconcile/caches.h"

namespace tp::provisioner {

// Writes into the status of each AgentRelease how far the teams have followed it: what `kubectl get arel`
// shows. Counted from the caches; written only when it differs.
class ReleaseReconciler final : public kube::Reconciler {
 public:
  // References must outlive this.
  ReleaseReconciler(kube::ApiClient& api, Caches& caches) : api_(api), caches_(caches) {}

  [[nodiscard]] Result<kube::Next> reconcile(const Context& ctx, const kube::ObjectKey& key) override;

 private:
  [[nodiscard]] domain::ReleaseProgress count(const domain::AgentRelease& release) const;

  kube::ApiClient& api_;
  Caches& caches_;
};

}  // namespace tp::provisioner
