#pragma once

#include "base/clock.h"
#include "base/context.h"
#include "base/random.h"
#include "kube/client/api_client.h"
#include "log/log.h"
#include "provisioner/reconcile/observed.h"
#include "provisioner/reconcile/platform_steps.h"

namespace tp::provisioner {

// Writes Events (events.k8s.io/v1) about teams. An Event that cannot be written is logged, and no reason to
// stop. Thread-safe; what it is given must outlive it.
class Announcer {
 public:
  Announcer(kube::ApiClient& api, const Clock& clock, Rng& rng) : api_(api), clock_(clock), rng_(rng) {}

  void announce(const Context& ctx, const Team& team, const Announcement& news, const log::Logger& log) const;

 private:
  kube::ApiClient& api_;
  const Clock& clock_;
  Rng& rng_;
};

}  // namespace tp::provisioner
