#include "gateway/inbox/replay.h"

#include <string>
#include <vector>

#include "postgres/params.h"

namespace tp::gateway {
namespace {

const std::string kReopen = R"sql(
WITH gone AS (
  DELETE FROM orchestrator.events e WHERE e.id = $1::uuid AND e.state = ANY ($2::text[])
    AND EXISTS (SELECT 1 FROM orchestrator.payloads p WHERE p.event_id = e.id)
  RETURNING *
)
INSERT INTO orchestrator.inbox (id, source, endpoint, scope_org, scope_team, kind, provider_id, order_key, lane,
  body_bytes, received_at, reason, attempts, duplicates, fence)
SELECT id, source, endpoint, scope_org, scope_team, kind, provider_id, order_key, lane, body_bytes, received_at, $3,
  attempts, duplicates, fence FROM gone)sql";

// The state of an event, and whether it is open.
const std::string kWhere = R"sql(
SELECT state, true FROM orchestrator.inbox WHERE id = $1::uuid
UNION ALL SELECT state, false FROM orchestrator.events WHERE id = $1::uuid LIMIT 1)sql";

}  // namespace

Result<bool> reopen(const Context& ctx,
                    postgres::Connection& database,
                    const EventId& id,
                    std::string_view reason,
                    std::initializer_list<State> states) {
  std::vector<std::string_view> names;
  for (const State state : states) names.push_back(to_string(state));
  TP_ASSIGN_OR_RETURN(
      const postgres::Rows rows,
      database.execute(ctx, kReopen, postgres::Params{}.add(id.view()).add_texts(names).add(reason)));
  return rows.affected() > 0;
}

Result<Replayed> replay(const Context& ctx, postgres::Pool& pool, const EventId& id, bool force) {
  TP_ASSIGN_OR_RETURN(const postgres::Pool::Lease database, pool.acquire(ctx));
  const auto reopened =
      force ? reopen(ctx, *database, id, "replayed",
                     {State::Dead, State::Unrouted, State::Ignored, State::Done})
            : reopen(ctx, *database, id, "replayed", {State::Dead, State::Unrouted, State::Ignored});
  if (!reopened) return reopened.error();
  if (*reopened) return Replayed::Started;
  TP_ASSIGN_OR_RETURN(const postgres::Rows rows,
                      database->execute(ctx, kWhere, postgres::Params{}.add(id.view())));
  if (rows.empty()) return Replayed::NoSuchEvent;
  if (rows.boolean(0, 1)) return Replayed::StillOpen;
  const bool done = rows.text(0, 0) == to_string(State::Done);
  return done && !force ? Replayed::IsDone : Replayed::PayloadGone;
}

}  // namespace tp::gateway
