#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/context.h"
#include "base/mutex.h"
#include "base/result.h"
#include "gateway/inbox/controls.h"
#include "gateway/teams/runs.h"
#include "gateway/teams/team_cache.h"
#include "kube/client/api_client.h"
#include "log/log.h"

namespace tp::gateway {

// Carries what the watch shows of teams into the database: how runs proceed and end, and where teams have
// agents of their own (team_runtimes). What senders wrote about a team goes with its resource, if its policy
// says so. Whoever waits for a run's end is told here, by the one thread that
// this has. Any number of processes may do so at once, and each does all of it: what is written is what the
// resource says, whoever writes it. Thread-safe.
class RunWatch {
 public:
  // Called once a run has ended, outside of all locks. It must be quick.
  using Ended = std::function<void(const ProvisioningRun& run)>;

  // All must outlive it. Subscribes to the cache, so before any reflector starts.
  RunWatch(TeamCache& cache,
           ProvisioningRuns& runs,
           postgres::Pool& pool,
           kube::ApiClient& api,
           Ended ended,
           const Clock& clock,
           log::Logger log);
  ~RunWatch();
  RunWatch(const RunWatch&) = delete;
  RunWatch& operator=(const RunWatch&) = delete;

  void start();
  // Answers everybody who waits, and whoever comes later, at once: the process is about to end.
  void let_go() TP_EXCLUDES(m_);
  // Ends the thread; nobody is answered any more.
  void stop();

  // A run that has not ended, as far as the caller knows: it is followed from now on.
  void follow(const ProvisioningRun& run) TP_EXCLUDES(m_);
  // The same, and `answer` is called when it has ended, or with nothing at `until`. Once, on the thread of
  // this object (it must be quick), or not at all when the process ends first.
  using Answer = std::function<void(std::optional<ProvisioningRun> ended)>;
  void await(const ProvisioningRun& run, SteadyTime until, Answer answer) TP_EXCLUDES(m_);

 private:
  struct Waiter {
    SteadyTime until;
    Answer answer;
  };
  struct Followed {
    ProvisioningRun run;
    std::vector<Waiter> waiters;
  };
  // What has happened since the thread looked last.
  struct News {
    std::set<TeamRef> teams;     // that changed
    std::set<std::string> gone;  // uids of resources
    std::set<TeamRef> purged;    // teams whose resource went, and their payloads are to go with it
    bool listed = false;
    bool look = false;  // at all open runs
  };

  void changed(const TeamResourcePointer& before, const TeamResourcePointer& after) TP_EXCLUDES(m_);
  void catch_up(const ProvisioningRun& run) TP_REQUIRES(m_);
  void run(const std::stop_token& stop) TP_EXCLUDES(m_);
  [[nodiscard]] News take_news(const std::stop_token& stop) TP_EXCLUDES(m_);
  [[nodiscard]] Status handle(const Context& ctx, const News& news);
  // The runs that the news may end, or move.
  [[nodiscard]] std::vector<ProvisioningRun> concerned_by(const News& news) const TP_EXCLUDES(m_);
  [[nodiscard]] Status reconcile_runtimes(const Context& ctx);
  [[nodiscard]] Status update_runtime(const Context& ctx, const TeamRef& team);
  [[nodiscard]] Status purge(const Context& ctx, const TeamRef& team) const;
  // Takes up what other processes, or a former life of this one, have begun.
  [[nodiscard]] Status take_up(const Context& ctx) TP_EXCLUDES(m_);
  [[nodiscard]] Status judge(const Context& ctx, const ProvisioningRun& run, bool gone);
  // Whether the run's resource is gone for certain: a cache may be behind.
  [[nodiscard]] Result<bool> is_gone(const Context& ctx, const ProvisioningRun& run);
  void finish(const ProvisioningRun& run) TP_EXCLUDES(m_);
  void expire_waiters() TP_EXCLUDES(m_);

  TeamCache& cache_;
  ProvisioningRuns& runs_;
  postgres::Pool& pool_;
  const TeamRuntimes runtimes_;
  kube::ApiClient& api_;
  const Ended ended_;
  const Clock& clock_;
  const log::Logger log_;

  std::map<TeamRef, RuntimeRecord> written_;  // of the thread: what team_runtimes says, as far as we know

  mutable Mutex m_;
  CondVar changed_;
  News news_ TP_GUARDED_BY(m_);
  bool letting_go_ TP_GUARDED_BY(m_) = false;
  std::map<std::string, Followed> followed_ TP_GUARDED_BY(m_);  // by the run's id

  std::jthread thread_;  // last
};

// Where the team's own agent is, as its resource says. PURE.
[[nodiscard]] RuntimeRecord runtime_of(const TeamResource& resource);

}  // namespace tp::gateway
