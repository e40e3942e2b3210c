#include "gateway/teams/run_watch.h"

#include <algorithm>
#include <utility>

#include "base/thread_name.h"
#include "gateway/inbox/purge.h"
#include "json/parse.h"
#include "kube/core/condition.h"

namespace tp::gateway {
namespace {

using std::chrono::seconds;

// Open runs of other processes are looked for this often; ours are told of by the watch.
constexpr seconds kLookEvery{15};
constexpr seconds kDatabaseDeadline{10};
constexpr seconds kRetry{1};
constexpr std::string_view kAgentAvailable = "AgentAvailable";

bool clears(const TeamResource& resource) {
  return domain::platform_of(resource.spec).deletion == domain::ConfigPolicy::Clear;
}

}  // namespace

RuntimeRecord runtime_of(const TeamResource& resource) {
  const bool dedicated = resource.spec.mode == domain::RuntimeMode::Dedicated;
  const kube::Condition* const available = find_condition(resource.status.conditions, kAgentAvailable);
  const bool ready = dedicated && !resource.status.service_url.empty() && available != nullptr &&
                     available->status == kube::ConditionStatus::True;
  return {.org_id = resource.spec.org_id,
          .team_node_id = resource.spec.team_node_id,
          .service_url = resource.status.service_url,
          .ready = ready,
          .mode = dedicated ? "dedicated" : "shared",
          .purge = clears(resource),
          .ns = resource.meta.key.ns};
}

RunWatch::RunWatch(TeamCache& cache,
                   ProvisioningRuns& runs,
                   postgres::Pool& pool,
                   kube::ApiClient& api,
                   Ended ended,
                   const Clock& clock,
                   log::Logger log)
    : cache_(cache),
      runs_(runs),
      pool_(pool),
      runtimes_(pool),
      api_(api),
      ended_(std::move(ended)),
      clock_(clock),
      log_(std::move(log)) {
  cache_.subscribe([this](const TeamResourcePointer& before, const TeamResourcePointer& after) {
    changed(before, after);
  });
  cache_.on_listed([this] {
    {
      const MutexLock lock{m_};
      news_.listed = true;
      news_.look = true;
    }
    changed_.notify_all();
  });
}

RunWatch::~RunWatch() = default;

void RunWatch::start() {
  thread_ = std::jthread{[this](const std::stop_token& stop) { run(stop); }};
}

void RunWatch::let_go() {
  {
    const MutexLock lock{m_};
    letting_go_ = true;
    news_.look = true;
  }
  changed_.notify_all();
}

void RunWatch::stop() {
  thread_.request_stop();
  if (thread_.joinable()) thread_.join();
}

void RunWatch::changed(const TeamResourcePointer& before, const TeamResourcePointer& after) {
  {
    const MutexLock lock{m_};
    for (const auto& resource : {before, after}) {
      if (resource) news_.teams.insert(team_of(*resource));
    }
    if (before && !after && clears(*before)) news_.purged.insert(team_of(*before));
    if (before && (!after || after->meta.uid != before->meta.uid)) news_.gone.insert(before->meta.uid);
  }
  changed_.notify_all();
}

void RunWatch::follow(const ProvisioningRun& run) {
  {
    const MutexLock lock{m_};
    followed_.try_emplace(run.id, Followed{run, {}});
    catch_up(run);
  }
  changed_.notify_all();
}

void RunWatch::await(const ProvisioningRun& run, SteadyTime until, Answer answer) {
  {
    const MutexLock lock{m_};
    const auto [at, fresh] = followed_.try_emplace(run.id, Followed{run, {}});
    at->second.waiters.push_back({until, std::move(answer)});
    catch_up(run);
  }
  changed_.notify_all();
}

// What the run waits for may have come before it was known here.
void RunWatch::catch_up(const ProvisioningRun& run) {
  news_.teams.insert(run.team);
  news_.look = news_.look || !cache_.get(run.resource, run.uid);
}

void RunWatch::run(const std::stop_token& stop) {
  set_thread_name("runs");
  const Context whole{stop, SteadyTime::max(), {}};
  SteadyTime look_at{};
  while (!stop.stop_requested()) {
    News news = take_news(stop);
    if (clock_.now() >= look_at) news.look = true;
    if (news.look) look_at = clock_.now() + kLookEvery;
    if (const Status done = handle(whole, news); !done && !stop.stop_requested()) {
      log_.warn("what the watch shows cannot be recorded", {{"error", done.error()}});
      // None of it is lost: it is done again, and doing it twice changes nothing.
      const MutexLock lock{m_};
      news_.teams.merge(news.teams);
      news_.gone.merge(news.gone);
      news_.purged.merge(news.purged);
      news_.listed = news_.listed || news.listed;
      look_at = SteadyTime{};
      static_cast<void>(changed_.wait_for(m_, stop, kRetry, [] { return false; }));
    }
    expire_waiters();
  }
}

RunWatch::News RunWatch::take_news(const std::stop_token& stop) {
  const MutexLock lock{m_};
  SteadyTime until = clock_.now() + kLookEvery;
  for (const auto& [id, followed] : followed_) {
    for (const Waiter& waiter : followed.waiters) until = std::min(until, waiter.until);
  }
  static_cast<void>(changed_.wait_until(m_, stop, until, [this]() TP_REQUIRES(m_) {
    return !news_.teams.empty() || !news_.gone.empty() || news_.listed || news_.look;
  }));
  return std::exchange(news_, News{});
}

Status RunWatch::handle(const Context& ctx, const News& news) {
  // A cache that has not been filled says nothing about what is not in it.
  if (cache_.synced()) {
    for (const TeamRef& team : news.purged) {
      if (!cache_.find(team)) TP_TRY(purge(ctx, team));
    }
    if (news.listed) {
      TP_TRY(reconcile_runtimes(ctx));
    } else {
      for (const TeamRef& team : news.teams) TP_TRY(update_runtime(ctx, team));
    }
  }
  if (news.look) TP_TRY(take_up(ctx));
  for (const ProvisioningRun& run : concerned_by(news)) {
    bool gone = news.gone.contains(run.uid);
    if (!gone && news.look && cache_.synced() && !cache_.get(run.resource, run.uid)) {
      TP_ASSIGN_OR_RETURN(gone, is_gone(ctx, run));
    }
    TP_TRY(judge(ctx, run, gone));
  }
  return ok();
}

std::vector<ProvisioningRun> RunWatch::concerned_by(const News& news) const {
  const MutexLock lock{m_};
  std::vector<ProvisioningRun> concerned;
  for (const auto& [id, followed] : followed_) {
    if (news.look || news.teams.contains(followed.run.team)) concerned.push_back(followed.run);
  }
  return concerned;
}

Status RunWatch::reconcile_runtimes(const Context& ctx) {
  TP_ASSIGN_OR_RETURN(const auto records, runtimes_.list(ctx.child(clock_, kDatabaseDeadline)));
  written_.clear();
  std::set<TeamRef> teams;
  for (const RuntimeRecord& record : records) {
    teams.insert({record.org_id, record.team_node_id});
    written_[{record.org_id, record.team_node_id}] = record;
  }
  for (const auto& resource : cache_.all()) teams.insert(team_of(*resource));
  for (const TeamRef& team : teams) TP_TRY(update_runtime(ctx, team));
  return ok();
}

Status RunWatch::update_runtime(const Context& ctx, const TeamRef& team) {
  const Context soon = ctx.child(clock_, kDatabaseDeadline);
  const TeamResourcePointer resource = cache_.find(team);
  const auto known = written_.find(team);
  if (!resource) {
    if (known == written_.end() || !cache_.watches_namespace(known->second.ns)) return ok();
    // Its end may have come while nobody watched.
    if (known->second.purge) TP_TRY(purge(ctx, team));
    TP_TRY(runtimes_.remove(soon, team.org_id, team.team_node_id));
    written_.erase(team);
    return ok();
  }
  RuntimeRecord record = runtime_of(*resource);
  if (known != written_.end() && known->second == record) return ok();
  TP_TRY(runtimes_.put(soon, record));
  written_[team] = std::move(record);
  return ok();
}

Status RunWatch::purge(const Context& ctx, const TeamRef& team) const {
  TP_ASSIGN_OR_RETURN(const auto bodies, purge_team(ctx.child(clock_, kDatabaseDeadline), pool_, team.org_id,
                                                    team.team_node_id));
  if (bodies > 0) {
    log_.info("the payloads of a team that is gone were taken away",
              {{"org", team.org_id}, {"team", team.team_node_id}, {"payloads", bodies}});
  }
  return ok();
}

Status RunWatch::take_up(const Context& ctx) {
  TP_ASSIGN_OR_RETURN(const auto open, runs_.open(ctx.child(clock_, kDatabaseDeadline)));
  std::set<std::string> ids;
  std::vector<std::string> elsewhere;  // ended by another process
  {
    const MutexLock lock{m_};
    for (const ProvisioningRun& run : open) {
      ids.insert(run.id);
      followed_.try_emplace(run.id, Followed{run, {}});
    }
    for (const auto& [id, followed] : followed_) {
      if (!ids.contains(id)) elsewhere.push_back(id);
    }
  }
  for (const std::string& id : elsewhere) {
    TP_ASSIGN_OR_RETURN(const auto run, runs_.get(ctx.child(clock_, kDatabaseDeadline), id));
    if (run && run->status != RunStatus::Running) finish(*run);
  }
  return ok();
}

Status RunWatch::judge(const Context& ctx, const ProvisioningRun& run, bool gone) {
  const TeamResourcePointer resource = cache_.get(run.resource, run.uid);
  if (!resource && !gone) return ok();
  const RunProgress progress = progress_of(run, resource.get());
  if (progress == RunProgress{run.status, run.steps, run.error}) return ok();
  TP_ASSIGN_OR_RETURN(const bool news, runs_.update(ctx.child(clock_, kDatabaseDeadline), run.id, progress));
  ProvisioningRun now = run;
  now.status = progress.status;
  now.steps = progress.steps;
  now.error = progress.error;
  if (progress.status == RunStatus::Running) {
    const MutexLock lock{m_};
    if (const auto at = followed_.find(run.id); at != followed_.end()) at->second.run = std::move(now);
    return ok();
  }
  if (news && ended_) ended_(now);
  finish(now);
  return ok();
}

Result<bool> RunWatch::is_gone(const Context& ctx, const ProvisioningRun& run) {
  const auto live = api_.get(ctx.child(clock_, kDatabaseDeadline), domain::kTeamProvisionings, run.resource);
  if (!live) {
    if (live.error().code == ErrorCode::NotFound) return true;
    return live.error();
  }
  TP_ASSIGN_OR_RETURN(const auto object, json::parse(*live));
  return object.at("metadata").value("uid", "") != run.uid;
}

void RunWatch::finish(const ProvisioningRun& run) {
  std::vector<Waiter> waiters;
  {
    const MutexLock lock{m_};
    const auto at = followed_.find(run.id);
    if (at == followed_.end()) return;
    waiters = std::move(at->second.waiters);
    followed_.erase(at);
  }
  for (const Waiter& waiter : waiters) waiter.answer(run);
}

void RunWatch::expire_waiters() {
  const SteadyTime now = clock_.now();
  std::vector<Waiter> expired;
  {
    const MutexLock lock{m_};
    for (auto& [id, followed] : followed_) {
      const auto late = std::stable_partition(
          followed.waiters.begin(), followed.waiters.end(),
          [&](const Waiter& waiter) TP_REQUIRES(m_) { return waiter.until > now && !letting_go_; });
      std::move(late, followed.waiters.end(), std::back_inserter(expired));
      followed.waiters.erase(late, followed.waiters.end());
    }
  }
  for (const Waiter& waiter : expired) waiter.answer(std::nullopt);
}

}  // namespace tp::gateway
