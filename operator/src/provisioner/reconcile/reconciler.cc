#include "provisioner/reconcile/reconciler.h"

#include <utility>

#include <nlohmann/json.hpp>

#include "base/time.h"
#include "domain/team_status.h"
#include "json/parse.h"
#include "provisioner/desired/metadata.h"
#include "provisioner/reconcile/status.h"

namespace tp::provisioner {

using Json = nlohmann::json;

namespace {

// A right that is missing, a kind or a namespace that the API server does not know (yet): whoever repairs
// that does not tell us, so waiting for a change of the team could be for ever.
Error worth_retrying(Error error) {
  switch (error.code) {
    case ErrorCode::PermissionDenied:
    case ErrorCode::Unauthenticated:
    case ErrorCode::NotFound: error.code = ErrorCode::FailedPrecondition; break;
    default: break;
  }
  return error;
}

}  // namespace

TeamReconciler::TeamReconciler(
    kube::ApiClient& api, Caches& caches, Settings settings, const Clock& clock, Rng& rng, log::Logger log)
    : api_(api),
      caches_(caches),
      settings_(std::move(settings)),
      clock_(clock),
      rng_(rng),
      log_(std::move(log)),
      executor_(api, caches) {}

Result<kube::Next> TeamReconciler::reconcile(const Context& ctx, const kube::ObjectKey& key) {
  const auto observed = caches_.observe(key);
  if (!observed) {
    forget(key);
    return kube::Next{};
  }
  const std::uint64_t version = version_of(*observed);
  if (settled(key, version)) return again();
  auto next = pass(ctx, *observed, log_.with({"team", key.str()}).with({"reconcile_id", ctx.id}));
  if (!next) return worth_retrying(std::move(next).error());
  return next;
}

Result<kube::Next> TeamReconciler::pass(const Context& ctx,
                                        const Observed& observed,
                                        const log::Logger& log) {
  const Team& team = *observed.team;
  const Plan plan = make_plan(observed, settings_.build);
  const Outcome outcome = executor_.run(ctx, team, plan, log);
  bool wrote = outcome.writes > 0;
  if (plan.write_status) {
    // The executor has put what it wrote into the caches, so this is the world after the plan.
    const auto after = wrote ? caches_.observe(team.meta.key) : observed;
    if (!after) return kube::Next{};
    const domain::TeamStatus status = make_status(*after, plan, outcome, to_rfc3339(clock_.wall_now()));
    TP_ASSIGN_OR_RETURN(const bool reported, report(ctx, *after->team, status));
    wrote = wrote || reported;
  }
  if (!outcome.errors.empty()) return outcome.errors.front();
  if (!wrote) settle(team.meta.key, version_of(observed));
  return again();
}

Result<bool> TeamReconciler::report(const Context& ctx, const Team& team, const domain::TeamStatus& status) {
  if (status == team.status) return false;
  const Json body{
      {"apiVersion", domain::kTeamProvisionings.api_version()},
      {"kind", domain::kTeamProvisionings.kind},
      {"metadata", {{"name", team.meta.key.name}, {"namespace", team.meta.key.ns}, {"uid", team.meta.uid}}},
      {"status", domain::status_to_json(status)}};
  const auto applied = api_.apply(ctx, domain::kTeamProvisionings, team.meta.key, json::dump(body),
                                  {.field_manager = kFieldManager, .subresource = "status"});
  if (!applied) {
    // The team was deleted, or deleted and made again: the watch will say so.
    const ErrorCode code = applied.error().code;
    if (code == ErrorCode::NotFound || code == ErrorCode::Conflict) return true;
    return Error{applied.error()}.wrap("write the status of " + team.meta.key.str());
  }
  json::Document document;
  TP_TRY(document.parse(applied->object));
  TP_TRY(caches_.teams(team.meta.key.ns).observe_write(document.root()));
  return true;
}

kube::Next TeamReconciler::again() {
  const double spread = 0.9 + 0.2 * rng_.uniform();
  const auto interval = static_cast<double>(settings_.resync_interval.count());
  return {std::chrono::milliseconds{static_cast<std::chrono::milliseconds::rep>(interval * spread)}};
}

bool TeamReconciler::settled(const kube::ObjectKey& key, std::uint64_t version) const {
  const MutexLock lock{m_};
  const auto found = settled_.find(key);
  return found != settled_.end() && found->second == version;
}

void TeamReconciler::settle(const kube::ObjectKey& key, std::uint64_t version) {
  const MutexLock lock{m_};
  settled_[key] = version;
}

void TeamReconciler::forget(const kube::ObjectKey& key) {
  const MutexLock lock{m_};
  settled_.erase(key);
}

}  // namespace tp::provisioner
