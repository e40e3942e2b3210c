#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "base/clock.h"
#include "kube/runtime/controller.h"
#include "kube/runtime/work_queue.h"
#include "provisioner/app/watcher.h"

namespace tp::provisioner {

// Looks at the operator while it runs, for probes and for people. Thread-safe; everything must outlive it.
class Inspector {
 public:
  struct Parts {
    const Clock& clock;
    const std::vector<Watcher>& watchers;  // constant from the first look on
    const kube::WorkQueue& queue;
    const kube::Controller& controller;
    std::function<nlohmann::json()> services;  // how they stand
    std::function<bool()> leader{};            // empty: there is no election
  };
  explicit Inspector(Parts parts) : parts_(std::move(parts)) {}

  // Which caches are not complete yet, a line each; empty when all are.
  [[nodiscard]] std::string not_ready() const;
  // what_is_stuck().
  [[nodiscard]] std::string stuck() const;
  // Everything at once: the queue by class with the keys that have waited longest, what runs, watches and
  // their caches, services. Names of resources and numbers, nothing of what is in them.
  [[nodiscard]] nlohmann::json state() const;

 private:
  const Parts parts_;
};

}  // namespace tp::provisioner
