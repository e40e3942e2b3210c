#pragma once

#include <chrono>
#include <string>
#include <thread>

#include "base/clock.h"
#include "base/context.h"
#include "base/random.h"
#include "base/result.h"
#include "gateway/inbox/inbox.h"
#include "gateway/policy/policy.h"
#include "gateway/teams/provisioning.h"
#include "log/log.h"

namespace tp::gateway {

// What an event of an endpoint of kind provisioning asks for. Its kind is provisioning.requested or
// provisioning.removed; the fields are those of the admin API's bodies, in `data` if that is an object, else
// in the body itself; org and team may be left to the endpoint's scope. PURE. Errors: InvalidArgument when it
// can never be understood; PermissionDenied for a team outside of its scope; NotFound for another kind.
[[nodiscard]] Result<ProvisioningRequest> provisioning_request_of(const StoredEvent& event,
                                                                  const Policy& policy);

// Takes provisioning events from the inbox and turns them into runs, as the admin API's routes do. An event
// is done when its run has begun; what became of that is the run's to say. One thread.
class ProvisioningEvents {
 public:
  // `worker`: the id of this process among the inbox's. All must outlive it.
  ProvisioningEvents(postgres::Pool& pool,
                     std::string worker,
                     std::string host,
                     std::chrono::milliseconds lease,
                     Provisioning& provisioning,
                     const Policy& policy,
                     const Clock& clock,
                     Rng& rng,
                     log::Logger log);
  ~ProvisioningEvents();
  ProvisioningEvents(const ProvisioningEvents&) = delete;
  ProvisioningEvents& operator=(const ProvisioningEvents&) = delete;

  void start();
  // Gives back what it holds, and ends.
  void stop();

  // One batch, if there is one; true when there was. For tests, and for the thread.
  [[nodiscard]] Result<bool> step(const Context& ctx);

 private:
  void run(const std::stop_token& stop);
  [[nodiscard]] Settlement decide(const Context& ctx, const ClaimedEvent& claimed);
  [[nodiscard]] Settlement later(const ClaimedEvent& claimed, std::string reason);

  Inbox inbox_;
  const std::chrono::milliseconds lease_;
  Provisioning& provisioning_;
  const Policy& policy_;
  const Clock& clock_;
  Rng& rng_;
  const log::Logger log_;
  Mutex m_;
  CondVar pause_;
  std::jthread thread_;  // last
};

}  // namespace tp::gateway
