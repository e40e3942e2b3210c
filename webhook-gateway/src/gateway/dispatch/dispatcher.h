#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/context.h"
#include "base/mutex.h"
#include "base/random.h"
#include "base/result.h"
#include "crypto/secret.h"
#include "gateway/dispatch/notifier.h"
#include "gateway/dispatch/settler.h"
#include "gateway/inbox/inbox.h"
#include "gateway/platform/agent_clients.h"
#include "gateway/platform/agent_request.h"
#include "gateway/platform/base_url.h"
#include "gateway/platform/directory.h"
#include "gateway/platform/github_comments.h"
#include "gateway/platform/outcome.h"
#include "gateway/policy/policy.h"
#include "http/client.h"
#include "log/log.h"
#include "metrics/metrics.h"
#include "platform/breaker.h"

namespace tp::gateway {

// The second half of the worker: gives teams their turns and starts their runs. A run takes minutes and no
// thread: its attempt is on record before the request leaves, and its outcome goes to the Settler when it
// comes. Thread-safe: any number of threads may step at once.
class Dispatcher {
 public:
  struct Settings {
    TeamLimits team{};
    std::size_t runs_in_flight = 2'000;  // of this process
    AgentSettings agent{};
    AgentUrls urls{};
    crypto::Secret slack_token{};  // for answers of the agent in Slack, where a team has none of its own
  };

  // All references must outlive it. `github` may be null: then mentions go without the comments around them.
  Dispatcher(Settings settings,
             AgentClients::Make make_client,
             Inbox& inbox,
             Directory& directory,
             const GitHubComments* github,
             Notifier& notifier,
             Settler& settler,
             const Policy& policy,
             const Clock& clock,
             Rng& rng,
             metrics::Registry& registry,
             log::Logger log);
  // Cuts the runs in flight.
  ~Dispatcher() = default;
  Dispatcher(const Dispatcher&) = delete;
  Dispatcher& operator=(const Dispatcher&) = delete;

  // Gives one team its turn; true when there was one and room for its runs.
  [[nodiscard]] Result<bool> step(const Context& ctx) TP_EXCLUDES(m_);

  // Returns when no run is in flight. DeadlineExceeded or Cancelled when that did not happen in time.
  [[nodiscard]] Status drain(const Context& ctx) TP_EXCLUDES(m_);

  [[nodiscard]] std::size_t in_flight() const TP_EXCLUDES(m_);

 private:
  struct Run;
  struct SourceMetrics {
    metrics::Histogram* started;   // from acceptance to the first POST
    metrics::Histogram* duration;  // of a run that finished
  };

  void dispatch(const Context& ctx, TeamClaim claim);
  // What is needed to start it; nothing when the claim has ended already.
  [[nodiscard]] std::shared_ptr<Run> prepare(const Context& ctx,
                                             const TeamRef& team,
                                             const TeamContext& context,
                                             const TeamToken& token,
                                             ClaimedEvent claimed);
  // Those that the agent's breaker lets through; the others are postponed.
  [[nodiscard]] std::vector<ClaimedEvent> let_in(const std::string& agent, std::vector<ClaimedEvent> events)
      TP_EXCLUDES(m_);
  // Before anything is sent: which of them are ours to start.
  [[nodiscard]] std::vector<EventId> record_starts(const Context& ctx,
                                                   const std::vector<std::shared_ptr<Run>>& runs);
  void start(const std::shared_ptr<Run>& run, http::HttpClient& client);
  void finish(const Run& run, const http::Exchange& exchange);
  // The turn cannot be used: the events are due again later, or dead when they are too old for that. No
  // attempt counts.
  void postpone(const std::vector<ClaimedEvent>& events,
                const std::string& reason,
                std::optional<std::chrono::milliseconds> delay,
                bool failed);
  void report(const std::string& agent, const Outcome& outcome) TP_EXCLUDES(m_);
  // A probe that was not refused by now was let in.
  void judge_probes() TP_REQUIRES(m_);

  const Settings settings_;
  Inbox& inbox_;
  Directory& directory_;
  const GitHubComments* github_;
  Notifier& notifier_;
  Settler& settler_;
  const Policy& policy_;
  const Clock& clock_;
  Rng& rng_;
  metrics::Registry& registry_;
  const log::Logger log_;
  std::vector<SourceMetrics> by_source_;
  metrics::Gauge& in_flight_gauge_;
  metrics::Gauge& open_breakers_;

  mutable Mutex m_;
  CondVar changed_;
  std::size_t in_flight_ TP_GUARDED_BY(m_) = 0;
  platform::Breakers breakers_ TP_GUARDED_BY(m_);
  std::map<std::string, SteadyTime> probes_ TP_GUARDED_BY(m_);  // by agent: when its probe was sent
  AgentClients clients_;                                        // last: the ends of their exchanges come here
};

}  // namespace tp::gateway
