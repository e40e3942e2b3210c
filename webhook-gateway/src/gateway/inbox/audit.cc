#include "gateway/inbox/audit.h"

#include "gateway/inbox/where.h"

namespace tp::gateway {
namespace {

using postgres::Rows;

AuditRecord record_of(const Rows& rows, std::size_t row) {
  const auto text = [&](int column) { return std::string{rows.text(row, column)}; };
  return {rows.integer(row, 0),
          time_of(rows, row, 1),
          {text(2), text(3), text(4), text(5), text(6), text(7), text(8)}};
}

}  // namespace

Status audit(const Context& ctx, postgres::Pool& pool, const AuditEntry& entry) {
  TP_TRY(pool.execute(ctx,
                      "INSERT INTO orchestrator.admin_audit (actor, org_id, team_node_id, action, target, "
                      "result, request_id) VALUES ($1, $2, $3, $4, $5, $6, $7)",
                      postgres::Params{}
                          .add(entry.actor)
                          .add(entry.org_id)
                          .add(entry.team_node_id)
                          .add(entry.action)
                          .add(entry.target)
                          .add(entry.result)
                          .add(entry.request_id)));
  return ok();
}

Result<AuditPage> find_audit(const Context& ctx, postgres::Pool& pool, const AuditQuery& query) {
  Where where;
  if (!query.org_id.empty()) where.add("org_id = $", query.org_id);
  if (!query.team_node_id.empty()) where.add("team_node_id = $", query.team_node_id);
  if (!query.actor.empty()) where.add("actor = $", query.actor);
  if (!query.action.empty()) where.add("action = $", query.action);
  if (query.from) where.add("at >= to_timestamp($::bigint / 1e6)", micros(*query.from));
  if (query.until) where.add("at < to_timestamp($::bigint / 1e6)", micros(*query.until));
  if (query.before) where.add("id < $::bigint", *query.before);
  TP_ASSIGN_OR_RETURN(
      const Rows rows,
      pool.execute(
          ctx,
          "SELECT id, " TP_MICROS("at") ", actor, org_id, team_node_id, action, target, result, request_id "
                                        "FROM orchestrator.admin_audit" +
              where.text + " ORDER BY id DESC LIMIT " + std::to_string(query.limit + 1),
          where.params));
  AuditPage page;
  for (std::size_t row = 0; row < rows.size() && row < query.limit; ++row)
    page.records.push_back(record_of(rows, row));
  page.more = rows.size() > query.limit;
  return page;
}

}  // namespace tp::gateway
