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

}  // namespace tp::gateway
