#include "provisioner/app/release_controller.h"

#include <chrono>

namespace tp::provisioner {

ReleaseController::ReleaseController(kube::ApiClient& api,
                                     Caches& caches,
                                     const Clock& clock,
                                     Rng& rng,
                                     const log::Logger& log,
                                     metrics::Registry& registry)
    : caches_(caches),
      queue_(clock),
      reconciler_(api, caches),
      controller_("agentrelease", queue_, reconciler_, {.workers = 1}, clock, rng, log, registry) {}

void ReleaseController::recount() {
  caches_.releases().each([this](const ReleasePointer& release) {
    queue_.add_after(release->meta.key, std::chrono::seconds{1}, kube::Priority::Low);
  });
}

}  // namespace tp::provisioner
