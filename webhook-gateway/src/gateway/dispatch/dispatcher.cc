#include "gateway/dispatch/dispatcher.h"

#include <algorithm>
#include <array>
#include <utility>
#include <variant>

#include "base/backoff.h"
#include "gateway/event/trace.h"
#include "gateway/platform/destinations.h"
#include "gateway/platform/event_log.h"
#include "gateway/sources/registry.h"

namespace tp::gateway {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr seconds kDatabaseDeadline{10};
constexpr std::size_t kTurn = 32;  // events of one turn, so that one team does not hold a thread for long
// For failures before anything was sent to an agent.
constexpr Backoff kBackoff{seconds{1}, std::chrono::minutes{2}};
// A refusal comes at once; the end of a run takes minutes. So an agent that has not refused a probe by then
// has taken it.
constexpr seconds kProbe{3};

const std::vector<double> kStartSeconds{0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800};
const std::vector<double> kRunSeconds{0.1, 0.5, 1, 5, 15, 30, 60, 120, 180, 300, 600};
constexpr std::array<std::string_view, 6> kOutcomes{"finished", "refused", "refused_token",
                                                    "rejected", "cut",     "unknown"};

std::string_view word(OutcomeKind kind) { return kOutcomes.at(static_cast<std::size_t>(kind)); }

// Host and port of a URL, for people.
std::string authority(std::string_view url) {
  const std::size_t begin = url.find("://");
  if (begin == std::string_view::npos) return std::string{url};
  return std::string{url.substr(begin + 3, url.find('/', begin + 3) - begin - 3)};
}

constexpr std::string_view kOutcomesName = "webhook_gateway_dispatch_outcomes_total";
constexpr std::string_view kOutcomesHelp = "POSTs to agents, by what became of them.";

}  // namespace

// One event from the start of its attempt to the end of it.
struct Dispatcher::Run {
  Claim claim;
  SourceKind source = SourceKind::Slack;
  TeamRef team;
  std::string agent_name;
  std::string message;
  std::optional<SlackThread> slack;
  AgentCall call;
  std::string base_url;
  bool fresh_token = false;
  unsigned attempts = 0;   // this one included
  unsigned uncertain = 0;  // before this one
  milliseconds age{0};     // when it was claimed
  milliseconds retry_for{0};
  SteadyTime claimed_at{};
  SteadyTime started_at{};
};

Dispatcher::Dispatcher(Settings settings,
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
                       log::Logger log)
    : settings_(std::move(settings)),
      inbox_(inbox),
      directory_(directory),
      github_(github),
      notifier_(notifier),
      settler_(settler),
      policy_(policy),
      clock_(clock),
      rng_(rng),
      registry_(registry),
      log_(std::move(log)),
      in_flight_gauge_(
          registry.gauge("webhook_gateway_runs_in_flight", "Runs whose agent has not answered yet.")),
      open_breakers_(registry.gauge("webhook_gateway_breakers_open",
                                    "Agents that get no runs because they refused them.")),
      clients_(std::move(make_client)) {
  for (const auto& [source, name] : kSourceNames) {
    const metrics::Labels labels{{"source", std::string{name}}};
    by_source_.push_back({&registry.histogram("webhook_gateway_accepted_to_started_seconds",
                                              "From an event's acceptance to the POST that starts its run.",
                                              kStartSeconds, labels),
                          &registry.histogram("webhook_gateway_run_seconds",
                                              "Duration of runs that finished.", kRunSeconds, labels)});
    for (const std::string_view outcome : kOutcomes) {
      static_cast<void>(registry.counter(std::string{kOutcomesName}, std::string{kOutcomesHelp},
                                         {{"source", std::string{name}}, {"outcome", std::string{outcome}}}));
    }
  }
}

Result<bool> Dispatcher::step(const Context& ctx) {
  std::size_t room = 0;
  {
    const MutexLock lock{m_};
    judge_probes();
    open_breakers_.Set(static_cast<double>(breakers_.open_count(clock_.now())));
    room = settings_.runs_in_flight - std::min(settings_.runs_in_flight, in_flight_);
    room = std::min(room, kTurn);
    in_flight_ += room;  // taken before the claim, so that threads together cannot claim too much
  }
  std::size_t used = 0;
  const auto give_back = [&] {
    {
      const MutexLock lock{m_};
      in_flight_ -= room - used;
    }
    changed_.notify_all();
  };
  if (room == 0) return false;
  auto claim = inbox_.claim_team(ctx.child(clock_, kDatabaseDeadline), settings_.team, room);
  if (claim && *claim) used = (*claim)->events.size();
  give_back();
  if (!claim) return std::move(claim).error();
  if (!*claim) return false;
  dispatch(ctx, **std::move(claim));
  return true;
}

void Dispatcher::dispatch(const Context& ctx, TeamClaim claim) {
  const std::size_t claimed = claim.events.size();
  // Whatever of the claim does not become a run is not in flight.
  const auto settle_count = [&](std::size_t begun) {
    {
      const MutexLock lock{m_};
      in_flight_ -= claimed - begun;
      in_flight_gauge_.Set(static_cast<double>(in_flight_));
    }
    changed_.notify_all();
  };
  if (claim.events.empty()) return;

  const TeamRef team{claim.org_id, claim.team_node_id};
  // Asked once for all of them, in the trace of the first.
  const Context first = about(ctx, claim.events.front().claim.id);
  const auto context = directory_.context(first, team);
  const auto token = context ? directory_.token(first, team) : Result<TeamToken>{context.error()};
  if (!token) {
    log_.warn("a team's runs must wait for the Config Service",
              {{"org", team.org_id}, {"team", team.team_node_id}, {"error", token.error()}});
    postpone(claim.events, "config_service", token.error().retry_after,
             token.error().code != ErrorCode::Cancelled);
    return settle_count(0);
  }

  std::optional<TeamRuntime> runtime;
  if (!claim.runtime_url.empty()) runtime = TeamRuntime{claim.runtime_url, true};
  const AgentBase base = choose_base_url((*context)->dedicated_url, runtime, settings_.urls);
  if (!base.dedicated && base.reason != "shared") {
    log_.warn("a team's dedicated URL is not used",
              {{"org", team.org_id}, {"team", team.team_node_id}, {"reason", base.reason}});
  }
  const auto client = clients_.of(base.url);
  if (!client) {
    log_.error("no client for an agent", {{"agent", authority(base.url)}, {"error", client.error()}});
    postpone(claim.events, "agent_unusable", {}, true);
    return settle_count(0);
  }

  std::vector<std::shared_ptr<Run>> runs;
  for (ClaimedEvent& event : let_in(base.url, std::move(claim.events))) {
    if (auto run = prepare(ctx, team, **context, *token, std::move(event))) {
      run->base_url = base.url;
      runs.push_back(std::move(run));
    }
  }
  const std::vector<EventId> begun = record_starts(ctx, runs);
  settle_count(begun.size());
  // One that was not begun is no longer ours: we were given up as lost.
  for (const auto& run : runs) {
    if (std::find(begun.begin(), begun.end(), run->claim.id) != begun.end()) start(run, **client);
  }
}

std::vector<ClaimedEvent> Dispatcher::let_in(const std::string& agent, std::vector<ClaimedEvent> events) {
  std::vector<ClaimedEvent> admitted;
  std::vector<ClaimedEvent> turned_away;
  milliseconds chance{0};
  {
    const MutexLock lock{m_};
    const SteadyTime now = clock_.now();
    for (ClaimedEvent& event : events) {
      const bool allowed = breakers_.allow(agent, now);
      (allowed ? admitted : turned_away).push_back(std::move(event));
    }
    if (breakers_.probing(agent) && !admitted.empty()) probes_[agent] = now;
    chance = std::chrono::ceil<milliseconds>(breakers_.next_chance(agent, now) - now);
  }
  if (!turned_away.empty())
    postpone(turned_away, "agent_breaker", std::max(chance, milliseconds{100}), false);
  return admitted;
}

std::vector<EventId> Dispatcher::record_starts(const Context& ctx,
                                               const std::vector<std::shared_ptr<Run>>& runs) {
  if (runs.empty()) return {};
  std::vector<Inbox::Begin> begins;
  begins.reserve(runs.size());
  for (const auto& run : runs) begins.push_back({run->claim, authority(run->base_url), run->call.wait});
  auto recorded = inbox_.begin_attempts(ctx.child(clock_, kDatabaseDeadline), begins);
  if (recorded) return *std::move(recorded);
  // Nothing was sent. Should the statement have taken effect all the same, this closes its attempts.
  log_.warn("attempts could not be recorded; nothing was sent", {{"error", recorded.error()}});
  for (const auto& run : runs) {
    settler_.settle({.claim = run->claim,
                     .state = State::Retrying,
                     .reason = "not_recorded",
                     .delay = seconds{1},
                     .outcome = "not_sent"});
  }
  return {};
}

std::shared_ptr<Dispatcher::Run> Dispatcher::prepare(const Context& ctx,
                                                     const TeamRef& team,
                                                     const TeamContext& context,
                                                     const TeamToken& token,
                                                     ClaimedEvent claimed) {
  const StoredEvent& event = claimed.event;
  const auto end = [&](State state, std::string reason) {
    settler_.settle({.claim = claimed.claim, .state = state, .reason = std::move(reason)});
    return nullptr;
  };
  auto interpretation = source_of(event.source).interpret(event, policy_);
  if (!interpretation) return end(State::Dead, "malformed");
  if (const auto* ignore = std::get_if<Ignore>(&*interpretation)) return end(State::Ignored, ignore->reason);
  auto* request = std::get_if<RunRequest>(&*interpretation);
  if (auto* probe = std::get_if<Probe>(&*interpretation)) {
    // All that a run needs is there.
    if (!probe->run) return end(State::Done, "probed");
    request = &*probe->run;
  }
  if (request == nullptr) return end(State::Ignored, "no_run");
  if (request->message.empty() && request->slack) {
    notifier_.ask_for_words(*request->slack);
    return end(State::Done, "asked_for_words");
  }
  if (github_ != nullptr && request->github && request->github->pr_number) {
    request->message = github_->with_context(ctx, context.github_token, request->github->repo,
                                             *request->github->pr_number, request->message);
  }

  auto run = std::make_shared<Run>();
  run->agent_name = request->agent_name.empty() ? context.entrance_agent : request->agent_name;
  const auto& limits = settings_.agent.limits(request->trigger_source);
  auto call = agent_call(
      settings_.agent, {.event_id = claimed.claim.id,
                        .team_token = token.token,
                        .agent_name = run->agent_name,
                        .message = request->message,
                        .context = std::move(request->context),
                        .timeout = limits.timeout,
                        .max_turns = limits.max_turns,
                        .output_destinations = output_destinations(context, *request, settings_.slack_token),
                        .trigger_source = request->trigger_source});
  if (!call) {
    log_of(log_, claimed.claim.id).warn("a run cannot be asked for", {{"error", call.error()}});
    return end(State::Dead, "agent_name");
  }
  run->claim = claimed.claim;
  run->source = event.source;
  run->team = team;
  run->message = std::move(request->message);
  run->slack = std::move(request->slack);
  run->call = *std::move(call);
  run->fresh_token = token.fresh;
  run->attempts = static_cast<unsigned>(claimed.attempts) + 1;
  run->uncertain = static_cast<unsigned>(claimed.uncertain);
  run->age = claimed.age;
  run->retry_for = claimed.retry_for;
  run->claimed_at = clock_.now();
  return run;
}

void Dispatcher::start(const std::shared_ptr<Run>& run, http::HttpClient& client) {
  run->started_at = clock_.now();
  if (run->attempts == 1) {
    const std::chrono::duration<double> waited = run->age + (run->started_at - run->claimed_at);
    by_source_[static_cast<std::size_t>(run->source)].started->Observe(waited.count());
  }
  log_of(log_, run->claim.id)
      .info("run started", {{"source", to_string(run->source)},
                            {"org", run->team.org_id},
                            {"team", run->team.team_node_id},
                            {"agent", run->agent_name},
                            {"attempt", run->attempts}});
  // Without the stop token: on SIGTERM runs are waited for.
  client.start(about(Context{{}, run->started_at + run->call.wait}, run->claim.id),
               std::move(run->call.request), [this, run](const http::Exchange& exchange) {
                 finish(*run, exchange);
                 {
                   const MutexLock lock{m_};
                   --in_flight_;
                   in_flight_gauge_.Set(static_cast<double>(in_flight_));
                   changed_.notify_all();
                 }
               });
}

void Dispatcher::finish(const Run& run, const http::Exchange& exchange) {
  const Outcome outcome = classify(exchange, run.fresh_token);
  report(run.base_url, outcome);
  registry_
      .counter(std::string{kOutcomesName}, std::string{kOutcomesHelp},
               {{"source", std::string{to_string(run.source)}}, {"outcome", std::string{word(outcome.kind)}}})
      .Increment();
  const SteadyTime now = clock_.now();
  const auto took = std::chrono::duration_cast<milliseconds>(now - run.started_at);
  if (outcome.kind == OutcomeKind::Finished) {
    by_source_[static_cast<std::size_t>(run.source)].duration->Observe(
        std::chrono::duration<double>{took}.count());
  }
  const bool uncertain = outcome.kind == OutcomeKind::Cut || outcome.kind == OutcomeKind::Unknown;
  const Attempts attempts{.made = run.attempts,
                          .uncertain = run.uncertain + (uncertain ? 1 : 0),
                          .age = run.age + std::chrono::duration_cast<milliseconds>(now - run.claimed_at),
                          .since_start = took};
  const RetryBudget budget{.max_age = run.age + run.retry_for, .run_limit = run.call.wait};

  Settlement settlement{.claim = run.claim,
                        .reason = outcome.reason(),
                        .uncertain = uncertain,
                        .outcome = std::string{word(outcome.kind)},
                        .detail = exchange.result ? "" : exchange.result.error().message};
  if (outcome.status != 0) settlement.http_status = outcome.status;
  const NextStep next = next_step(outcome, attempts, budget, rng_);
  if (const auto* retry = std::get_if<Retry>(&next)) {
    if (retry->new_token) directory_.forget_token(run.team);
    settlement.state = State::Retrying;
    settlement.delay = retry->after;
    settlement.failed = true;
  } else if (const auto* wait = std::get_if<AwaitAudit>(&next)) {
    settlement.state = State::Unknown;
    settlement.delay = wait->after;
  } else if (const auto* dead = std::get_if<Dead>(&next)) {
    settlement.state = State::Dead;
    settlement.reason = dead->reason;
    notifier_.gave_up({.event = run.claim.id,
                       .team = run.team,
                       .source = run.source,
                       .agent_name = run.agent_name,
                       .message = run.message,
                       .reason = dead->reason,
                       .never_seen = attempts.uncertain == 0,
                       .slack = run.slack});
  }
  log_of(log_, run.claim.id)
      .info("run ended", {{"outcome", outcome.reason()},
                          {"state", to_string(settlement.state)},
                          {"attempt", run.attempts},
                          {"took_ms", took.count()}});
  settler_.settle(std::move(settlement));
}

void Dispatcher::postpone(const std::vector<ClaimedEvent>& events,
                          const std::string& reason,
                          std::optional<milliseconds> delay,
                          bool failed) {
  std::vector<Settlement> settlements;
  for (const ClaimedEvent& event : events) {
    const auto backoff = kBackoff.delay(static_cast<unsigned>(event.failures) + 1, rng_);
    const milliseconds pause = delay ? (failed ? std::max(*delay, backoff) : *delay) : backoff;
    const bool too_old = pause > event.retry_for;
    settlements.push_back({.claim = event.claim,
                           .state = too_old ? State::Dead : State::Retrying,
                           .reason = reason,
                           .delay = pause,
                           .failed = failed});
    if (!too_old) continue;
    notifier_.gave_up({.event = event.claim.id,
                       .source = event.event.source,
                       .reason = reason,
                       .never_seen = true,
                       .slack = slack_thread_of(event.event, policy_)});
  }
  settler_.settle(std::move(settlements));
}

void Dispatcher::report(const std::string& agent, const Outcome& outcome) {
  const MutexLock lock{m_};
  if (outcome.kind == OutcomeKind::Refused) {
    breakers_.failed(agent, clock_.now());
  } else {
    breakers_.succeeded(agent);  // it took the request, whatever it made of it
  }
  open_breakers_.Set(static_cast<double>(breakers_.open_count(clock_.now())));
}

void Dispatcher::judge_probes() {
  for (auto probe = probes_.begin(); probe != probes_.end();) {
    if (clock_.now() - probe->second < kProbe) {
      ++probe;
      continue;
    }
    if (breakers_.probing(probe->first)) breakers_.succeeded(probe->first);
    probe = probes_.erase(probe);
  }
}

Status Dispatcher::drain(const Context& ctx) {
  const MutexLock lock{m_};
  if (changed_.wait_until(m_, ctx.stop, ctx.deadline, [this]() TP_REQUIRES(m_) { return in_flight_ == 0; }))
    return ok();
  return Error{ErrorCode::DeadlineExceeded,
               std::to_string(in_flight_) + " runs were still in flight at the end of the drain"};
}

std::size_t Dispatcher::in_flight() const {
  const MutexLock lock{m_};
  return in_flight_;
}

}  // namespace tp::gateway
