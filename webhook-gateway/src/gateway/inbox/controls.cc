#include "gateway/inbox/controls.h"

#include <chrono>
#include <utility>

#include "postgres/params.h"

namespace tp::gateway {
namespace {

using postgres::Params;
using postgres::Rows;

// A turn for every team that the control concerns and that has something to do. A team that has its turn just
// now is waited for: it may have read the control before.
#define TP_WAKE_CONCERNED                                                                                  \
  "UPDATE orchestrator.team_queues q SET next_due = now() FROM (SELECT org_id, team_node_id FROM "         \
  "orchestrator.team_queues t WHERE ($2 = '' OR org_id = $2) AND "                                         \
  "($3 = "                                                                                                 \
  "'' OR team_node_id = $3) AND EXISTS (SELECT 1 FROM orchestrator.inbox i WHERE i.org_id = t.org_id AND " \
  "i.team_node_id = t.team_node_id AND i.state IN ('ready', 'retrying') AND i.due_at <= now()) "           \
  "ORDER BY org_id, team_node_id FOR UPDATE) w WHERE q.org_id = w.org_id AND q.team_node_id = "            \
  "w.team_node_id"

const std::string kPut = R"sql(
WITH changed AS (
  INSERT INTO orchestrator.controls (source, org_id, team_node_id, paused, runs_per_hour, changed_by)
  VALUES ($1, $2, $3, $4, $5, $6)
  ON CONFLICT (source, org_id, team_node_id) DO UPDATE SET paused = excluded.paused,
    runs_per_hour = excluded.runs_per_hour, changed_by = excluded.changed_by, changed_at = now()
  RETURNING 1
) )sql" TP_WAKE_CONCERNED;

const std::string kRemove = R"sql(
WITH changed AS (
  DELETE FROM orchestrator.controls WHERE source = $1 AND org_id = $2 AND team_node_id = $3 RETURNING 1
) )sql" TP_WAKE_CONCERNED;

Status done(Result<Rows> rows) {
  if (!rows) return std::move(rows).error();
  return ok();
}

}  // namespace

Result<std::vector<Control>> Controls::list(const Context& ctx, const std::string& org_id) const {
  TP_ASSIGN_OR_RETURN(
      const Rows rows,
      pool_.execute(
          ctx,
          "SELECT source, org_id, team_node_id, paused, runs_per_hour, changed_by, (extract(epoch FROM "
          "changed_at) * 1e6)::bigint FROM orchestrator.controls WHERE $1 = '' OR org_id IN ('', $1) ORDER "
          "BY "
          "1, 2, 3",
          Params{}.add(org_id)));
  std::vector<Control> controls;
  for (std::size_t row = 0; row < rows.size(); ++row) {
    Control control{std::string{rows.text(row, 0)},
                    std::string{rows.text(row, 1)},
                    std::string{rows.text(row, 2)},
                    rows.boolean(row, 3),
                    {},
                    std::string{rows.text(row, 5)},
                    WallTime{std::chrono::microseconds{rows.integer(row, 6)}}};
    if (!rows.is_null(row, 4)) control.runs_per_hour = static_cast<int>(rows.integer(row, 4));
    controls.push_back(std::move(control));
  }
  return controls;
}

Status Controls::put(const Context& ctx, const Control& control) const {
  if (control.org_id.empty() && !control.team_node_id.empty())
    return Error{ErrorCode::InvalidArgument, "team_node_id: needs an org_id"};
  if (control.runs_per_hour && !control.source.empty())
    return Error{ErrorCode::InvalidArgument, "runs_per_hour: is of teams, not of a source"};
  if (control.runs_per_hour && *control.runs_per_hour < 0)
    return Error{ErrorCode::InvalidArgument, "runs_per_hour: must not be negative"};
  Params params;
  params.add(control.source).add(control.org_id).add(control.team_node_id);
  if (!control.paused && !control.runs_per_hour) return done(pool_.execute(ctx, kRemove, params));
  return done(pool_.execute(ctx, kPut,
                            params.add(control.paused).add(control.runs_per_hour).add(control.changed_by)));
}

Result<std::optional<RuntimeRecord>> TeamRuntimes::find(const Context& ctx,
                                                        const std::string& org_id,
                                                        const std::string& team_node_id) const {
  TP_ASSIGN_OR_RETURN(
      const Rows rows,
      pool_.execute(ctx,
                    "SELECT service_url, ready, mode, purge, namespace FROM orchestrator.team_runtimes "
                    "WHERE org_id = $1 AND team_node_id = $2",
                    Params{}.add(org_id).add(team_node_id)));
  if (rows.empty()) return std::optional<RuntimeRecord>{};
  return std::optional{RuntimeRecord{org_id, team_node_id, std::string{rows.text(0, 0)}, rows.boolean(0, 1),
                                     std::string{rows.text(0, 2)}, rows.boolean(0, 3),
                                     std::string{rows.text(0, 4)}}};
}

Result<std::vector<RuntimeRecord>> TeamRuntimes::list(const Context& ctx) const {
  TP_ASSIGN_OR_RETURN(const Rows rows,
                      pool_.execute(ctx,
                                    "SELECT org_id, team_node_id, service_url, ready, mode, purge, namespace "
                                    "FROM orchestrator.team_runtimes"));
  std::vector<RuntimeRecord> runtimes;
  for (std::size_t row = 0; row < rows.size(); ++row) {
    runtimes.push_back({std::string{rows.text(row, 0)}, std::string{rows.text(row, 1)},
                        std::string{rows.text(row, 2)}, rows.boolean(row, 3), std::string{rows.text(row, 4)},
                        rows.boolean(row, 5), std::string{rows.text(row, 6)}});
  }
  return runtimes;
}

Status TeamRuntimes::put(const Context& ctx, const RuntimeRecord& runtime) const {
  return done(pool_.execute(ctx, R"sql(
INSERT INTO orchestrator.team_runtimes (org_id, team_node_id, service_url, ready, mode, purge, namespace)
VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (org_id, team_node_id) DO UPDATE SET service_url = excluded.service_url, ready = excluded.ready,
  mode = excluded.mode, purge = excluded.purge, namespace = excluded.namespace, updated_at = now())sql",
                            Params{}
                                .add(runtime.org_id)
                                .add(runtime.team_node_id)
                                .add(runtime.service_url)
                                .add(runtime.ready)
                                .add(runtime.mode)
                                .add(runtime.purge)
                                .add(runtime.ns)));
}

Status TeamRuntimes::remove(const Context& ctx,
                            const std::string& org_id,
                            const std::string& team_node_id) const {
  return done(pool_.execute(ctx,
                            "DELETE FROM orchestrator.team_runtimes WHERE org_id = $1 AND team_node_id = $2",
                            Params{}.add(org_id).add(team_node_id)));
}

}  // namespace tp::gateway
