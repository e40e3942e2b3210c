#include "gateway/dispatch/resolver.h"

#include <utility>
#include <variant>

#include "base/backoff.h"
#include "gateway/event/trace.h"
#include "gateway/platform/event_log.h"
#include "gateway/platform/outcome.h"

namespace tp::gateway {
namespace {

constexpr std::chrono::seconds kDatabaseDeadline{10};
constexpr std::size_t kBatch = 8;
constexpr Backoff kBackoff{std::chrono::seconds{2}, std::chrono::minutes{1}};
// Its clock and ours need not agree to the second.
constexpr std::chrono::minutes kSkew{5};

}  // namespace

Resolver::Resolver(Inbox& inbox,
                   const ConfigService& service,
                   Notifier& notifier,
                   Settler& settler,
                   const Policy& policy,
                   const Clock& clock,
                   Rng& rng,
                   log::Logger log)
    : inbox_(inbox),
      service_(service),
      notifier_(notifier),
      settler_(settler),
      policy_(policy),
      clock_(clock),
      rng_(rng),
      log_(std::move(log)) {}

Result<bool> Resolver::step(const Context& ctx) {
  TP_ASSIGN_OR_RETURN(const auto runs, inbox_.claim_unknown(ctx.child(clock_, kDatabaseDeadline), kBatch));
  for (const UnknownRun& run : runs) resolve(about(ctx, run.claimed.claim.id), run);
  return !runs.empty();
}

void Resolver::resolve(const Context& ctx, const UnknownRun& run) {
  const ClaimedEvent& event = run.claimed;
  Settlement settlement{.claim = event.claim};
  const auto found = service_.audit_has_run(ctx, {run.org_id, run.team_node_id}, event.claim.id.view(),
                                            run.started_at - kSkew);
  if (!found) {
    log_of(log_, event.claim.id).warn("the audit of runs cannot be asked", {{"error", found.error()}});
    settlement.state = State::Unknown;
    settlement.reason = "audit_unavailable";
    settlement.delay = kBackoff.delay(static_cast<unsigned>(event.failures) + 1, rng_);
    settlement.failed = found.error().code != ErrorCode::Cancelled;
    return settler_.settle(std::move(settlement));
  }
  const Attempts attempts{.made = static_cast<unsigned>(event.attempts),
                          .uncertain = static_cast<unsigned>(event.uncertain),
                          .age = event.age};
  const NextStep next = after_audit(*found, attempts, {.max_age = event.age + event.retry_for});
  if (std::holds_alternative<Done>(next)) {
    settlement.state = State::Done;
    settlement.reason = "found_in_audit";
  } else if (const auto* dead = std::get_if<Dead>(&next)) {
    settlement.state = State::Dead;
    settlement.reason = dead->reason;
    notifier_.gave_up({.event = event.claim.id,
                       .team = {run.org_id, run.team_node_id},
                       .source = event.event.source,
                       .reason = dead->reason,
                       .slack = slack_thread_of(event.event, policy_)});
  } else {
    settlement.state = State::Retrying;
    settlement.reason = "not_in_audit";
  }
  log_of(log_, event.claim.id)
      .info("an unknown run was looked up", {{"found", *found}, {"state", to_string(settlement.state)}});
  settler_.settle(std::move(settlement));
}

}  // namespace tp::gateway
