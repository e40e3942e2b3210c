#include "provisioner/reconcile/reconciler.h"

#include <algorithm>
#include <functional>
#include <memory>
#include <utility>
#include <variant>

#include <nlohmann/json.hpp>

#include "base/time.h"
#include "domain/team_status.h"
#include "json/parse.h"
#include "kube/core/ownership.h"
#include "kube/runtime/reconcile_log.h"
#include "provisioner/desired/metadata.h"
#include "provisioner/reconcile/news.h"
#include "provisioner/reconcile/release_rules.h"
#include "provisioner/reconcile/runtime_state.h"
#include "provisioner/reconcile/status.h"
#include "provisioner/reconcile/worth_retrying.h"

namespace tp::provisioner {

using Json = nlohmann::json;
using std::chrono::milliseconds;

namespace {

// The same, with what a pass has come to know since the status was read.
Observed with_memory(Observed observed, const domain::PlatformStatus& memory) {
  if (memory == domain::platform_of(observed.team->status)) return observed;
  auto team = std::make_shared<Team>(*observed.team);
  team->status.platform = std::make_shared<const domain::PlatformStatus>(memory);
  observed.team = std::move(team);
  return observed;
}

// The finalizer has to be there before anything is that it protects.
Plan finalizer_first(const Plan& plan) {
  Plan first;
  for (const Action& action : plan.actions) {
    if (std::holds_alternative<AddFinalizer>(action)) first.actions.push_back(action);
  }
  return first;
}

}  // namespace

std::vector<std::string> TeamReconciler::written_kinds() {
  std::vector<std::string> kinds{std::string{domain::kTeamProvisionings.kind},
                                 std::string{kube::kServiceAccounts.kind}, std::string{kube::kSecrets.kind}};
  for (const kube::ResourceType& type : kOwnedKinds) kinds.emplace_back(type.kind);
  return kinds;
}

TeamReconciler::TeamReconciler(kube::ApiClient& api,
                               Caches& caches,
                               const Platform* platform,
                               kube::CircuitBreaker& breaker,
                               kube::EventSink& events,
                               Settings settings,
                               const Clock& clock,
                               Rng& rng,
                               log::Logger log)
    : api_(api),
      caches_(caches),
      platform_(platform),
      breaker_(breaker),
      events_(events),
      settings_(std::move(settings)),
      clock_(clock),
      rng_(rng),
      log_(std::move(log)),
      executor_(api, caches),
      pacer_(
          settings_.releases,
          clock,
          [&caches](const std::string& release) {
            return caches.teams_with(Caches::ReleaseUse::Progressing, release).size();
          },
          [&caches](const std::string& release) {
            return caches.teams_with(Caches::ReleaseUse::Failed, release).size();
          }),
      vault_(api, caches) {}

Result<kube::Next> TeamReconciler::reconcile(const Context& ctx, const kube::ObjectKey& key) {
  auto next = look(ctx, key);
  if (platform_ != nullptr) platform_->bulkhead.forgo(key);
  if (!next) return worth_retrying(std::move(next).error());
  return next;
}

Result<kube::Next> TeamReconciler::look(const Context& ctx, const kube::ObjectKey& key) {
  const auto observed = observe(key);
  if (!observed) {
    forget(key);
    return kube::Next{};
  }
  if (asks_anew(*observed->team)) {
    breaker_.pardon(key);
  } else if (const auto wait = observed->team->meta.deleting ? std::nullopt : breaker_.hold(key)) {
    return kube::Next{wait};
  }
  if (recall(key).settled == version_of(*observed)) {
    if (const kube::Next next = next_look(*observed->team, {}, {}); *next.after > milliseconds{0})
      return next;
  }
  const std::string generation = std::to_string(observed->team->meta.generation);
  return pass(ctx, *observed, kube::log_of_reconcile(log_, ctx, key).with({"generation", generation}));
}

std::optional<Observed> TeamReconciler::observe(const kube::ObjectKey& key) {
  std::optional<Observed> observed = caches_.observe(key);
  if (!observed || !wants_turn(*observed)) {
    pacer_.leave(key);
  } else {
    observed->releases.turn_in = pacer_.turn_in(key, observed->releases.wanted);
  }
  return observed;
}

Result<kube::Next> TeamReconciler::pass(const Context& ctx,
                                        const Observed& observed,
                                        const log::Logger& log) {
  const Plan plan = make_plan(observed, settings_.build);
  if (observed.team->meta.deleting) return farewell(ctx, observed, plan, log);
  PlatformReport report{.memory = domain::platform_of(observed.team->status)};
  if (needs_platform(observed, plan)) {
    if (const auto place = platform_->bulkhead.enter(observed.team->meta.key))
      return platform_pass(ctx, observed, plan, log);
    report.attention = Attention::Postponed;
  }
  return conclude(ctx, observed, plan, perform(ctx, *observed.team, plan, log), report);
}

Outcome TeamReconciler::perform(const Context& ctx,
                                const Team& team,
                                const Plan& plan,
                                const log::Logger& log) {
  const kube::ObjectKey& key = team.meta.key;
  // Only before we write: that takes over what the rival had written, and his name is gone.
  const bool strained = !plan.actions.empty() && breaker_.strained(key);
  const std::string rival = strained ? find_rival(ctx, plan) : "";
  Outcome outcome = executor_.run(ctx, team, plan, log);
  const bool calm = !breaker_.storm(key);
  for (const std::string_view kind : outcome.written) breaker_.record(key, {kind, rival});
  outcome.storm = breaker_.storm(key);
  if (outcome.storm && calm)
    log.warn("somebody undoes what is repaired", {{"kind", outcome.storm->kind}, {"suspect", rival}});
  return outcome;
}

std::string TeamReconciler::find_rival(const Context& ctx, const Plan& plan) {
  for (const Action& action : plan.actions) {
    const auto* const repair = std::get_if<ApplyChild>(&action);
    if (repair == nullptr || repair->uid.empty()) continue;
    const auto live = api_.get(ctx, info(repair->slot).type, key_of(repair->object));
    if (!live) continue;
    const auto object = json::parse(*live);
    std::string rival = object ? kube::last_other_writer(*object, kFieldManager) : "";
    if (!rival.empty()) return rival;
  }
  return {};
}

Result<kube::Next> TeamReconciler::platform_pass(const Context& ctx,
                                                 const Observed& observed,
                                                 const Plan& first,
                                                 const log::Logger& log) {
  const Team& team = *observed.team;
  Outcome outcome = perform(ctx, team, finalizer_first(first), log);
  if (!outcome.errors.empty()) return outcome.errors.back();
  const unsigned writes_before = outcome.writes;

  PlatformSteps steps = begin(ctx, observed);
  steps.provision(first);
  const auto now = observe(team.meta.key);
  if (!now) return kube::Next{};
  const Plan plan = make_plan(with_memory(*now, steps.report().memory), settings_.build);
  outcome = perform(ctx, team, plan, log);
  outcome.writes += writes_before;
  if (plan.bootstrap && !steps.report().error) steps.bootstrap();
  return conclude(ctx, observed, plan, std::move(outcome), steps.report());
}

Result<kube::Next> TeamReconciler::conclude(const Context& ctx,
                                            const Observed& before,
                                            const Plan& plan,
                                            Outcome outcome,
                                            const PlatformReport& report) {
  const Team& team = *before.team;
  bool wrote = outcome.writes + report.writes > 0;
  if (plan.write_status) {
    // The executor has put what it wrote into the caches, so this is the world after the plan.
    const auto after = caches_.observe(team.meta.key);
    if (!after) return kube::Next{};
    const Observed known = with_memory(*after, report.memory);
    const std::string time = to_rfc3339(clock_.wall_now());
    domain::TeamStatus status = make_status(known, plan, outcome, report, time);
    if (outcome.storm && !wrote && status == after->team->status && breaker_.calm(team.meta.key)) {
      outcome.storm.reset();
      status = make_status(known, plan, outcome, report, time);
    }
    TP_ASSIGN_OR_RETURN(const bool reported, report_status(ctx, *after->team, status));
    // A fight about the status itself. (Where there was something else to write, that has been counted.)
    if (reported && !wrote) breaker_.record(team.meta.key, {domain::kTeamProvisionings.kind});
    wrote = wrote || reported;
    const auto& conditions = after->team->status.conditions;
    for (const Announcement& news :
         news_of(conditions, status.conditions, outcome, report, clock_.wall_now())) {
      events_.announce(event_about(*after->team, news));
    }
  }
  if (!outcome.errors.empty()) return outcome.errors.back();
  if (report.error) return *report.error;
  if (report.attention == Attention::Given) {
    schedule_drift_check(team, 0.9);
    note_compared(team.meta.key);
  }
  const std::optional<milliseconds> turn = before.releases.turn_in;
  const bool quiet = !wrote && !plan.again && !turn && !outcome.storm && !report.again &&
                     report.attention != Attention::Postponed;
  if (quiet) settle(team.meta.key, version_of(before));
  kube::Next next = next_look(team, outcome, report);
  if (turn) next.after = std::min(*next.after, *turn);
  if (plan.again) next.after = milliseconds{0};
  return next;
}

Result<kube::Next> TeamReconciler::farewell(const Context& ctx,
                                            const Observed& observed,
                                            const Plan& plan,
                                            const log::Logger& log) {
  const Team& team = *observed.team;
  if (plan.platform) {
    const auto place = platform_->bulkhead.enter(team.meta.key);
    if (!place) return kube::Next{};
    PlatformSteps steps = begin(ctx, observed);
    const bool done = steps.withdraw();
    const PlatformReport& report = steps.report();
    const milliseconds waited = std::chrono::duration_cast<milliseconds>(clock_.wall_now() - team.deleted);
    if (!done && waited < settings_.give_up_after) {
      const auto now = caches_.observe(team.meta.key);
      if (!now) return kube::Next{};
      TP_TRY(report_status(
          ctx, *now->team,
          make_farewell_status(with_memory(*now, report.memory), report, to_rfc3339(clock_.wall_now()))));
      if (report.error) return *report.error;
      return kube::Next{
          std::min(report.again.value_or(milliseconds::max()), settings_.give_up_after - waited)};
    }
    if (!done) {
      const Announcement news{
          true, "GaveUp", "the services did not answer until the end; left as it was: " + what_is_left(team)};
      events_.announce(event_about(team, news));
      log.error("a deletion gives up", {{"left", what_is_left(team)}});
    }
  }
  const Outcome outcome = executor_.run(ctx, team, plan, log);
  if (!outcome.errors.empty()) return outcome.errors.back();
  // The finalizer is still there then, and nothing tells us when that can be mended.
  if (!outcome.stalls.empty()) return Error{ErrorCode::FailedPrecondition, outcome.stalls.front().message};
  return kube::Next{};
}

PlatformSteps TeamReconciler::begin(const Context& ctx, const Observed& observed) {
  return {ctx.child(clock_, settings_.platform_time),
          {platform_->config, platform_->pipeline, vault_, clock_},
          observed,
          [this, ctx, key = observed.team->meta.key](const domain::PlatformStatus& memory) -> Status {
            const auto now = caches_.observe(key);
            if (!now) return Error{ErrorCode::NotFound, "the team is gone"};
            const Observed next = with_memory(*now, memory);
            return write_status(ctx, *now->team, next.team->status);
          }};
}

bool TeamReconciler::needs_platform(const Observed& observed, const Plan& plan) {
  if (!plan.platform) return false;
  const Team& team = *observed.team;
  const bool settled = is_settled(observed, plan, runtime_url(observed, plan), clock_.wall_now()) &&
                       team.requested_at == team.status.last_handled_reconcile_at;
  if (!settled) return true;
  // In order, as far as we know from before our own start: look at some time within the interval, so that not
  // all teams come at once.
  if (recall(team.meta.key).drift_check == SteadyTime::max()) schedule_drift_check(team, 0.0);
  return clock_.now() >= recall(team.meta.key).drift_check;
}

Result<bool> TeamReconciler::report_status(const Context& ctx,
                                           const Team& team,
                                           const domain::TeamStatus& status) {
  if (status == team.status) return false;
  const Status written = write_status(ctx, team, status);
  if (written) return true;
  // The team was deleted, or deleted and made again: the watch will say so.
  const ErrorCode code = written.error().code;
  if (code == ErrorCode::NotFound || code == ErrorCode::Conflict) return true;
  return written.error();
}

Status TeamReconciler::write_status(const Context& ctx, const Team& team, const domain::TeamStatus& status) {
  const Json body{
      {"apiVersion", domain::kTeamProvisionings.api_version()},
      {"kind", domain::kTeamProvisionings.kind},
      {"metadata", {{"name", team.meta.key.name}, {"namespace", team.meta.key.ns}, {"uid", team.meta.uid}}},
      {"status", domain::status_to_json(status)}};
  const auto applied = api_.apply(ctx, domain::kTeamProvisionings, team.meta.key, json::dump(body),
                                  {.field_manager = kFieldManager, .subresource = "status"});
  if (!applied) return Error{applied.error()}.wrap("write the status of " + team.meta.key.str());
  json::Document document;
  TP_TRY(document.parse(applied->object));
  TP_TRY(caches_.teams(team.meta.key.ns).observe_write(document.root()));
  if (settings_.on_status) settings_.on_status(team, status);
  return ok();
}

kube::Next TeamReconciler::next_look(const Team& team, const Outcome& outcome, const PlatformReport& report) {
  milliseconds after = spread(settings_.resync_interval);
  if (report.again) after = std::min(after, *report.again);
  if (outcome.again) after = std::min(after, *outcome.again);
  if (outcome.storm) after = std::min(after, outcome.storm->next_look);
  if (const auto drift_check = recall(team.meta.key).drift_check; drift_check != SteadyTime::max())
    after = std::min(after, std::chrono::ceil<milliseconds>(drift_check - clock_.now()));
  if (const auto change = platform_ == nullptr ? std::nullopt : next_change(team))
    after = std::min(after, std::chrono::ceil<milliseconds>(*change - clock_.wall_now()));
  if (const auto deadline = run_deadline(team.status))
    after = std::min(after, std::chrono::ceil<milliseconds>(*deadline - clock_.wall_now()));
  return {std::max(after, milliseconds{0})};
}

milliseconds TeamReconciler::spread(milliseconds interval) {
  const double factor = 0.9 + 0.2 * rng_.uniform();
  return milliseconds{static_cast<milliseconds::rep>(static_cast<double>(interval.count()) * factor)};
}

TeamReconciler::Memory TeamReconciler::recall(const kube::ObjectKey& key) const {
  const MutexLock lock{m_};
  const auto found = memory_.find(key);
  return found == memory_.end() ? Memory{} : found->second;
}

void TeamReconciler::settle(const kube::ObjectKey& key, std::uint64_t version) {
  const MutexLock lock{m_};
  memory_[key].settled = version;
}

bool TeamReconciler::asks_anew(const Team& team) {
  std::string wishes = team.meta.uid + "\n" + std::to_string(team.meta.generation);
  for (const std::string& asked : {team.requested_at, team.rotate_token, team.bootstrap})
    wishes += "\n" + asked;
  if (team.meta.deleting) wishes += "\ndeleting";
  const std::uint64_t wish = std::hash<std::string>{}(wishes);
  const MutexLock lock{m_};
  return std::exchange(memory_[team.meta.key].wish, wish) != wish;
}

// Some time between `at_least` and 1.1 of the interval from now.
void TeamReconciler::schedule_drift_check(const Team& team, double at_least) {
  const std::chrono::seconds own = domain::platform_of(team.spec).drift_interval;
  const milliseconds interval = own.count() > 0 ? milliseconds{own} : settings_.drift_interval;
  const double factor = at_least + (1.1 - at_least) * rng_.uniform();
  const milliseconds after{static_cast<milliseconds::rep>(static_cast<double>(interval.count()) * factor)};
  const MutexLock lock{m_};
  memory_[team.meta.key].drift_check = clock_.now() + after;
}

void TeamReconciler::note_compared(const kube::ObjectKey& key) {
  const MutexLock lock{m_};
  memory_[key].compared = clock_.now();
}

std::optional<std::chrono::nanoseconds> TeamReconciler::compared_ago(const kube::ObjectKey& key) const {
  const auto compared = recall(key).compared;
  if (!compared) return std::nullopt;
  return clock_.now() - *compared;
}

void TeamReconciler::forget_all() {
  const MutexLock lock{m_};
  memory_.clear();
}

void TeamReconciler::forget(const kube::ObjectKey& key) {
  breaker_.forget(key);
  const MutexLock lock{m_};
  memory_.erase(key);
}

}  // namespace tp::provisioner
