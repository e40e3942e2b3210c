#include "gateway/inbox/purge.h"

#include "postgres/params.h"

namespace tp::gateway {

Result<std::int64_t> purge_team(const Context& ctx,
                                postgres::Pool& pool,
                                const std::string& org_id,
                                const std::string& team_node_id) {
  TP_ASSIGN_OR_RETURN(const postgres::Rows rows,
                      pool.execute(ctx, "SELECT orchestrator.purge_team($1, $2)",
                                   postgres::Params{}.add(org_id).add(team_node_id)));
  return rows.integer(0, 0);
}

}  // namespace tp::gateway
