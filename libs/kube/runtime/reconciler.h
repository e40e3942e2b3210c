#pragma once

#include <chrono>
#include <optional>

#include "base/context.h"
#include "base/result.h"
#include "kube/core/resource.h"

namespace tp::kube {

// When to look again, besides what the watches bring. Nothing: only then.
struct Next {
  std::optional<std::chrono::milliseconds> after{};
};

// Makes the world match one object. Level-based: it is told a name, never an event. Called by several workers
// at once, never for one key by two. Errors that are retryable come back with backoff; the others wait for a
// change.
class Reconciler {
 public:
  Reconciler() = default;
  Reconciler(const Reconciler&) = delete;
  Reconciler& operator=(const Reconciler&) = delete;
  virtual ~Reconciler() = default;

  [[nodiscard]] virtual Result<Next> reconcile(const Context& ctx, const ObjectKey& key) = 0;
};

}  // namespace tp::kube
