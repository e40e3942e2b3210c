#include "gateway/dispatch/router.h"

#include <utility>
#include <variant>

#include "gateway/event/trace.h"
#include "gateway/platform/event_log.h"
#include "gateway/sources/registry.h"

namespace tp::gateway {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr seconds kDatabaseDeadline{10};
constexpr Backoff kBackoff{seconds{1}, std::chrono::minutes{2}};
// Slack forgets a trigger_id 3 s after the click.
constexpr milliseconds kInteractiveFor{2'500};
// Whoever sent a probe has gone by then.
constexpr seconds kProbeFor{120};

template <class... Fs>
struct Overloaded : Fs... {
  using Fs::operator()...;
};
template <class... Fs>
// NOLINTNEXTLINE(readability-identifier-naming): a deduction guide is no function
Overloaded(Fs...)->Overloaded<Fs...>;

}  // namespace

struct Router::Batch {
  std::vector<Route> routes;
  std::vector<Settlement> ended;
  // Once the Config Service does not answer, the rest of the batch does not wait for it too.
  std::optional<Error> away;

  void end(const ClaimedEvent& event, State state, std::string reason) {
    ended.push_back({.claim = event.claim, .state = state, .reason = std::move(reason)});
  }
};

Router::Router(Settings settings,
               Inbox& inbox,
               Directory& directory,
               Interactions& interactions,
               Notifier& notifier,
               Settler& settler,
               const Policy& policy,
               std::function<void()> routed,
               const Clock& clock,
               Rng& rng,
               log::Logger log)
    : settings_(settings),
      inbox_(inbox),
      directory_(directory),
      interactions_(interactions),
      notifier_(notifier),
      settler_(settler),
      policy_(policy),
      routed_(std::move(routed)),
      clock_(clock),
      rng_(rng),
      log_(std::move(log)) {}

Result<bool> Router::step(const Context& ctx, Lane lane) {
  TP_ASSIGN_OR_RETURN(const auto events,
                      inbox_.claim_received(ctx.child(clock_, kDatabaseDeadline), lane, settings_.batch));
  if (events.empty()) return false;
  Batch batch;
  for (const ClaimedEvent& event : events) decide(about(ctx, event.claim.id), event, batch);
  settler_.settle(std::move(batch.ended));
  if (batch.routes.empty()) return true;
  Status routed = inbox_.route(ctx.child(clock_, kDatabaseDeadline), batch.routes);
  if (!routed) {
    // Whatever became of the statement, what is not routed is routed again.
    for (const Route& route : batch.routes) {
      settler_.settle(
          {.claim = route.claim, .state = State::Received, .reason = "not_stored", .delay = seconds{1}});
    }
    return std::move(routed).error();
  }
  routed_();
  return true;
}

void Router::decide(const Context& ctx, const ClaimedEvent& event, Batch& batch) {
  const auto interpretation = source_of(event.event.source).interpret(event.event, policy_);
  if (!interpretation) {
    log_of(log_, event.claim.id).warn("an event cannot be understood", {{"error", interpretation.error()}});
    return batch.end(event, State::Dead, "malformed");
  }
  std::visit(
      Overloaded{
          [&](const Ignore& ignore) { batch.end(event, State::Ignored, ignore.reason); },
          [&](const RunRequest& run) { route(ctx, event, run, batch); },
          [&](const Probe& probe) {
            if (probe.team_node_id.empty()) return batch.end(event, State::Done, "probed");
            give(event, {probe.org_id, probe.team_node_id}, batch);
          },
          [&](const ViewDetails& view) {
            if (event.age >= kInteractiveFor) return batch.end(event, State::Dead, "trigger_expired");
            const Status shown = interactions_.show(ctx.child(clock_, kInteractiveFor - event.age), view);
            if (shown) return batch.end(event, State::Done, "shown");
            log_of(log_, event.claim.id).warn("a dialog could not be opened", {{"error", shown.error()}});
            batch.end(event, State::Dead, "not_shown");
          },
          [&](const Feedback& feedback) {
            const Status recorded = interactions_.record(ctx, feedback);
            if (recorded) return batch.end(event, State::Done, "recorded");
            retry_later(event, recorded.error(), "config_service", batch);
          }},
      *interpretation);
}

void Router::route(const Context& ctx, const ClaimedEvent& event, const RunRequest& run, Batch& batch) {
  const Scope& scope = event.event.scope;
  // A secret that speaks for one team leaves nothing to look up.
  if (!scope.team_node_id.empty()) return give(event, {scope.org_id, scope.team_node_id}, batch);
  if (run.identifiers.empty()) return batch.end(event, State::Unrouted, "no_identifier");
  if (batch.away) return retry_later(event, *batch.away, "config_service", batch);

  const auto team = directory_.route(ctx, run.identifiers, scope.org_id);
  if (!team) {
    const ErrorCode code = team.error().code;
    if (code == ErrorCode::Unavailable || code == ErrorCode::DeadlineExceeded) batch.away = team.error();
    return retry_later(event, team.error(), "config_service", batch);
  }
  if (!*team) return batch.end(event, State::Unrouted, "no_team");
  give(event, **team, batch);
}

void Router::give(const ClaimedEvent& event, const TeamRef& team, Batch& batch) {
  const Scope& scope = event.event.scope;
  if (!scope.covers(team.org_id, team.team_node_id)) {
    log_of(log_, event.claim.id)
        .warn("an event leads to a team that its secret does not speak for",
              {{"org", team.org_id}, {"scope_org", scope.org_id}});
    return batch.end(event, State::Unrouted, "outside_scope");
  }
  batch.routes.push_back({event.claim, team.org_id, team.team_node_id, retry_for(event.event.source)});
}

void Router::retry_later(const ClaimedEvent& event, const Error& error, std::string reason, Batch& batch) {
  if (event.age > retry_for(event.event.source)) {
    notifier_.gave_up({.event = event.claim.id,
                       .source = event.event.source,
                       .reason = reason,
                       .never_seen = true,
                       .slack = slack_thread_of(event.event, policy_)});
    return batch.end(event, State::Dead, std::move(reason));
  }
  const bool stopping = error.code == ErrorCode::Cancelled;  // nobody's failure
  milliseconds delay =
      stopping ? milliseconds{0} : kBackoff.delay(static_cast<unsigned>(event.failures) + 1, rng_);
  if (error.retry_after) delay = std::max(delay, *error.retry_after);
  batch.ended.push_back({.claim = event.claim,
                         .state = State::Received,
                         .reason = std::move(reason),
                         .delay = delay,
                         .failed = !stopping});
}

seconds Router::retry_for(SourceKind source) const noexcept {
  if (source == SourceKind::Probe) return kProbeFor;
  const bool slack = source == SourceKind::Slack || source == SourceKind::SlackInteractions;
  return slack ? settings_.slack_retry_for : settings_.retry_for;
}

}  // namespace tp::gateway
