#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <vector>

#include "base/backoff.h"
#include "base/context.h"
#include "base/random.h"
#include "base/result.h"
#include "gateway/dispatch/interactions.h"
#include "gateway/dispatch/notifier.h"
#include "gateway/dispatch/settler.h"
#include "gateway/inbox/inbox.h"
#include "gateway/platform/directory.h"
#include "gateway/policy/policy.h"
#include "log/log.h"

namespace tp::gateway {

// The first half of the worker: what does a new event ask for, and whose is it? Thread-safe: any number of
// threads may step at once.
class Router {
 public:
  struct Settings {
    std::chrono::seconds retry_for{std::chrono::hours{6}};           // of an event, from its arrival
    std::chrono::seconds slack_retry_for{std::chrono::minutes{15}};  // of one from Slack
    std::size_t batch = 64;
  };

  // All references must outlive it. `routed` is called when teams got events.
  Router(Settings settings,
         Inbox& inbox,
         Directory& directory,
         Interactions& interactions,
         Notifier& notifier,
         Settler& settler,
         const Policy& policy,
         std::function<void()> routed,
         const Clock& clock,
         Rng& rng,
         log::Logger log);

  // Claims a batch of new events and routes it; true when there was one.
  [[nodiscard]] Result<bool> step(const Context& ctx, Lane lane);

 private:
  struct Batch;

  void decide(const Context& ctx, const ClaimedEvent& event, Batch& batch);
  void route(const Context& ctx, const ClaimedEvent& event, const RunRequest& run, Batch& batch);
  // Puts it into the team's queue, if its secret speaks for the team.
  void give(const ClaimedEvent& event, const TeamRef& team, Batch& batch);
  // A failure that may pass: the event is routed again later, or is dead when it is too old for that.
  void retry_later(const ClaimedEvent& event, const Error& error, std::string reason, Batch& batch);
  [[nodiscard]] std::chrono::seconds retry_for(SourceKind source) const noexcept;

  const Settings settings_;
  Inbox& inbox_;
  Directory& directory_;
  Interactions& interactions_;
  Notifier& notifier_;
  Settler& settler_;
  const Policy& policy_;
  const std::function<void()> routed_;
  const Clock& clock_;
  Rng& rng_;
  const log::Logger log_;
};

}  // namespace tp::gateway
