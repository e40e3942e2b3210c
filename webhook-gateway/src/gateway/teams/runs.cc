#include "gateway/teams/runs.h"

#include <algorithm>
#include <utility>

#include "gateway/inbox/search.h"
#include "json/parse.h"
#include "postgres/params.h"

namespace tp::gateway {
namespace {

using Json = nlohmann::json;
using postgres::Params;
using postgres::Rows;

#define TP_RUN_COLUMNS                                                                               \
  "id, org_id, team_node_id, kind, status, steps, error, resource_ns, resource_name, resource_uid, " \
  "generation"

constexpr auto* kGet = "SELECT " TP_RUN_COLUMNS " FROM orchestrator.provisioning_runs WHERE id = $1::uuid";
constexpr auto* kOpen = "SELECT " TP_RUN_COLUMNS
                        " FROM orchestrator.provisioning_runs WHERE status = 'running' ORDER BY created_at";
constexpr auto* kOfKey =
    "SELECT " TP_RUN_COLUMNS
    ", request_hash FROM orchestrator.provisioning_runs WHERE org_id = $1 AND team_node_id = $2 AND "
    "idempotency_key = $3";
// The text cannot be that of another team: ids hold no line's end.
constexpr auto* kLock =
    "SELECT pg_advisory_xact_lock(hashtextextended('incidentfox.provision' || chr(10) || $1 || chr(10) || "
    "$2, 0))";
constexpr auto* kInsert = R"sql(
INSERT INTO orchestrator.provisioning_runs (id, org_id, team_node_id, kind, idempotency_key, request_hash, status, error,
  resource_ns, resource_name, resource_uid, generation)
VALUES ($1::uuid, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12))sql";
constexpr auto* kUpdate = R"sql(
UPDATE orchestrator.provisioning_runs SET status = $2, steps = $3::jsonb, error = $4, updated_at = now()
WHERE id = $1::uuid AND status = 'running' AND (status, steps, error) IS DISTINCT FROM ($2, $3::jsonb, $4))sql";
// The unique index over resources whose token was given lets one through.
constexpr auto* kClaimToken = R"sql(
UPDATE orchestrator.provisioning_runs r SET token_given = true
WHERE id = $1::uuid AND resource_uid <> '' AND NOT EXISTS (
  SELECT 1 FROM orchestrator.provisioning_runs o WHERE o.resource_uid = r.resource_uid AND o.token_given))sql";

ProvisioningRun run_of(const Rows& rows, std::size_t row) {
  ProvisioningRun run{.id = std::string{rows.text(row, 0)},
                      .team = {std::string{rows.text(row, 1)}, std::string{rows.text(row, 2)}},
                      .kind = parse_run_kind(rows.text(row, 3)),
                      .status = parse_run_status(rows.text(row, 4)),
                      .error = std::string{rows.text(row, 6)},
                      .resource = {std::string{rows.text(row, 7)}, std::string{rows.text(row, 8)}},
                      .uid = std::string{rows.text(row, 9)},
                      .generation = rows.integer(row, 10)};
  if (auto steps = json::parse(rows.text(row, 5)); steps && steps->is_object()) run.steps = *std::move(steps);
  return run;
}

Status insert(const Context& ctx,
              postgres::Connection& database,
              const ProvisioningRuns::NewRun& asked,
              const ProvisioningRun& run) {
  const auto inserted = database.execute(ctx, kInsert,
                                         Params{}
                                             .add(run.id)
                                             .add(run.team.org_id)
                                             .add(run.team.team_node_id)
                                             .add(to_string(run.kind))
                                             .add_or_null(asked.key)
                                             .add(asked.hash)
                                             .add(to_string(run.status))
                                             .add(run.error)
                                             .add(run.resource.ns)
                                             .add(run.resource.name)
                                             .add(run.uid)
                                             .add(run.generation));
  if (!inserted) return inserted.error();
  return ok();
}

// Whether the same request would fail again, as long as nobody changes anything.
bool is_refusal(ErrorCode code) {
  return code == ErrorCode::FailedPrecondition || code == ErrorCode::AlreadyExists ||
         code == ErrorCode::Conflict || code == ErrorCode::InvalidArgument || code == ErrorCode::NotFound;
}

}  // namespace

class ProvisioningRuns::Turn {
 public:
  static Result<Turn> take(const Context& ctx, ProvisioningRuns& runs, const TeamRef& team) {
    const MutexLock lock{runs.m_};
    const bool free = runs.changed_.wait_until(
        runs.m_, ctx.stop, ctx.deadline, [&]() TP_REQUIRES(runs.m_) { return !runs.busy_.contains(team); });
    if (!free) return Error{ErrorCode::ResourceExhausted, "other requests about this team take too long"};
    runs.busy_.insert(team);
    return Turn{runs, team};
  }
  Turn(Turn&& other) noexcept : runs_(std::exchange(other.runs_, nullptr)), team_(std::move(other.team_)) {}
  Turn& operator=(Turn&&) = delete;
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;
  ~Turn() {
    if (runs_ == nullptr) return;
    {
      const MutexLock lock{runs_->m_};
      runs_->busy_.erase(team_);
    }
    runs_->changed_.notify_all();
  }

 private:
  Turn(ProvisioningRuns& runs, TeamRef team) : runs_(&runs), team_(std::move(team)) {}

  ProvisioningRuns* runs_;
  TeamRef team_;
};

Result<ProvisioningRuns::Begun> ProvisioningRuns::begin(const Context& ctx,
                                                        const NewRun& run,
                                                        const Act& act) {
  TP_ASSIGN_OR_RETURN(const Turn turn, Turn::take(ctx, *this, run.team));
  TP_ASSIGN_OR_RETURN(const postgres::Pool::Lease database, pool_.acquire(ctx));
  TP_TRY(database->execute(ctx, "BEGIN"));
  auto begun = begin_in(ctx, *database, run, act);
  auto ended = database->execute(ctx, begun ? "COMMIT" : "ROLLBACK");
  if (begun && !ended) return std::move(ended).error();
  return begun;
}

Result<ProvisioningRuns::Begun> ProvisioningRuns::begin_in(const Context& ctx,
                                                           postgres::Connection& database,
                                                           const NewRun& asked,
                                                           const Act& act) const {
  TP_TRY(database.execute(ctx, "SET LOCAL lock_timeout = '5s'"));
  const Params team = Params{}.add(asked.team.org_id).add(asked.team.team_node_id);
  if (const auto locked = database.execute(ctx, kLock, team); !locked) {
    if (locked.error().code != ErrorCode::Conflict) return locked.error();
    return Error{ErrorCode::ResourceExhausted, "other requests about this team take too long"};
  }
  if (!asked.key.empty()) {
    TP_ASSIGN_OR_RETURN(const Rows known, database.execute(ctx, kOfKey, Params{team}.add(asked.key)));
    if (!known.empty())
      return Begun{.run = run_of(known, 0), .replayed = true, .other_body = known.text(0, 11) != asked.hash};
  }
  Begun begun{.run = {.id = asked.id, .team = asked.team, .kind = asked.kind}};
  auto resource = act(ctx);
  if (resource) {
    begun.run.resource = (*resource)->meta.key;
    begun.run.uid = (*resource)->meta.uid;
    begun.run.generation = (*resource)->meta.generation;
  } else if (is_refusal(resource.error().code)) {
    begun.refused = std::move(resource).error();
    begun.run.status = RunStatus::Failed;
    begun.run.error = begun.refused->message;
  } else {
    return std::move(resource).error();
  }
  TP_TRY(insert(ctx, database, asked, begun.run));
  return begun;
}

Result<std::optional<ProvisioningRun>> ProvisioningRuns::get(const Context& ctx, std::string_view id) const {
  if (!is_event_id(id)) return std::optional<ProvisioningRun>{};
  TP_ASSIGN_OR_RETURN(const Rows rows, pool_.execute(ctx, kGet, Params{}.add(id)));
  if (rows.empty()) return std::optional<ProvisioningRun>{};
  return std::optional{run_of(rows, 0)};
}

Result<std::vector<ProvisioningRun>> ProvisioningRuns::open(const Context& ctx) const {
  TP_ASSIGN_OR_RETURN(const Rows rows, pool_.execute(ctx, kOpen));
  std::vector<ProvisioningRun> runs;
  for (std::size_t row = 0; row < rows.size(); ++row) runs.push_back(run_of(rows, row));
  return runs;
}

Result<bool> ProvisioningRuns::update(const Context& ctx,
                                      std::string_view id,
                                      const RunProgress& progress) const {
  TP_ASSIGN_OR_RETURN(const Rows rows, pool_.execute(ctx, kUpdate,
                                                     Params{}
                                                         .add(id)
                                                         .add(to_string(progress.status))
                                                         .add(json::dump(progress.steps))
                                                         .add(progress.error)));
  return rows.affected() > 0;
}

Result<bool> ProvisioningRuns::claim_token(const Context& ctx, std::string_view id) const {
  const auto claimed = pool_.execute(ctx, kClaimToken, Params{}.add(id));
  if (claimed) return claimed->affected() > 0;
  // Another was a moment faster.
  if (claimed.error().code == ErrorCode::AlreadyExists) return false;
  return claimed.error();
}

}  // namespace tp::gateway
