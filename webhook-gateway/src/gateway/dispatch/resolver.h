#pragma once

#include <chrono>

#include "base/clock.h"
#include "base/context.h"
#include "base/random.h"
#include "base/result.h"
#include "gateway/dispatch/notifier.h"
#include "gateway/dispatch/settler.h"
#include "gateway/inbox/inbox.h"
#include "gateway/platform/config_service.h"
#include "gateway/policy/policy.h"
#include "log/log.h"

namespace tp::gateway {

// Finds out about runs whose outcome nobody knows: once such a run must be over, the Config Service's audit
// is asked for a run with the event's id. Found: it ran. Not found: one more attempt, or the end if that was
// the second. Thread-safe.
class Resolver {
 public:
  // All references must outlive it.
  Resolver(Inbox& inbox,
           const ConfigService& service,
           Notifier& notifier,
           Settler& settler,
           const Policy& policy,
           const Clock& clock,
           Rng& rng,
           log::Logger log);

  // Looks at a few runs; true when there were any.
  [[nodiscard]] Result<bool> step(const Context& ctx);

 private:
  void resolve(const Context& ctx, const UnknownRun& run);

  Inbox& inbox_;
  const ConfigService& service_;
  Notifier& notifier_;
  Settler& settler_;
  const Policy& policy_;
  const Clock& clock_;
  Rng& rng_;
  const log::Logger log_;
};

}  // namespace tp::gateway
