#pragma once

#include <vector>

#include "base/clock.h"
#include "kube/core/condition.h"
#include "kube/events/event.h"
#include "provisioner/reconcile/execute.h"
#include "provisioner/reconcile/observed.h"
#include "provisioner/reconcile/platform_steps.h"

namespace tp::provisioner {

// PURE. What people should hear of after a pass that found the conditions `before` and left `after`:
//
//   Ready becomes True                              Normal, with its reason
//   Stalled, or a wait for somebody (NotPermitted,  Warning, with the reason and message of Ready
//   PendingApproval)
//   Retrying or DependencyUnavailable for 5 min     the same: then it is no passing trouble
//   Responsive becomes False: somebody undoes       Warning, with its reason
//   what is repaired
//   a child is taken over                           Normal, Adopted
//   what the steps have to tell                     as it is
//
// A warning is told when it is new, and again whenever a pass has tried in vain; the recorder makes a series
// of those. Progress is no news, and a pass that found everything as it was has none.
[[nodiscard]] std::vector<Announcement> news_of(const kube::Conditions& before,
                                                const kube::Conditions& after,
                                                const Outcome& outcome,
                                                const PlatformReport& report,
                                                WallTime now);

[[nodiscard]] kube::Event event_about(const Team& team, const Announcement& news);

}  // namespace tp::provisioner
