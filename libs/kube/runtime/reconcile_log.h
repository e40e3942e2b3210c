#pragma once

#include "base/context.h"
#include "kube/core/resource.h"
#include "log/log.h"

namespace tp::kube {

// For the lines of one reconcile: what it is about, and the ids of its Context.
[[nodiscard]] inline log::Logger log_of_reconcile(const log::Logger& log,
                                                  const Context& ctx,
                                                  const ObjectKey& key) {
  return log.with({"namespace", key.ns})
      .with({"name", key.name})
      .with({"reconcile_id", ctx.id})
      .with({"trace_id", ctx.trace.str()});
}

}  // namespace tp::kube
