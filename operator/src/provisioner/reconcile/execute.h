#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/context.h"
#include "base/error.h"
#include "kube/client/api_client.h"
#include "kube/runtime/circuit_breaker.h"
#include "log/log.h"
#include "provisioner/reconcile/caches.h"
#include "provisioner/reconcile/plan.h"

namespace tp::provisioner {

// What came of a plan.
struct Outcome {
  std::vector<Stall>
      stalls{};  // somebody else must act: a stranger has the name, the API server refuses the object
  std::vector<Error> errors{};                       // worth another try; one that ended the plan is the last
  unsigned writes = 0;                               // requests that may have changed something
  std::vector<std::string_view> written{};           // kinds of the objects that were changed
  std::vector<std::string> adopted{};                // "Deployment ns/name": children that were taken over
  std::optional<std::chrono::milliseconds> again{};  // look again then, although nothing is known to change
  std::optional<kube::CircuitBreaker::Storm> storm{};  // something undoes what is written
};

// Performs plans, one action after the other. An action that fails does not keep the others from being done,
// unless the API server is away or a stop was requested. The server's answers go into the caches, so the next
// look sees them. Thread-safe; what it is given must outlive it.
class Executor {
 public:
  Executor(kube::ApiClient& api, Caches& caches) : api_(api), caches_(caches) {}

  [[nodiscard]] Outcome run(const Context& ctx, const Team& team, const Plan& plan, const log::Logger& log);

 private:
  struct Run;
  kube::ApiClient& api_;
  Caches& caches_;
};

}  // namespace tp::provisioner
