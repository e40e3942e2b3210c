#pragma once

#include <cstdint>
#include <string>

#include "base/context.h"
#include "base/result.h"
#include "postgres/pool.h"

namespace tp::gateway {

// Takes away what senders wrote about a team that is gone: the bodies of all its events. Those that have not
// ended are dead, with the reason "purged"; a run in flight goes on, and nothing becomes of its claim. What
// else is known of the events stays for the audit. Answers how many bodies went. To repeat it is safe. Errors
// are the database's.
[[nodiscard]] Result<std::int64_t> purge_team(const Context& ctx,
                                              postgres::Pool& pool,
                                              const std::string& org_id,
                                              const std::string& team_node_id);

}  // namespace tp::gateway
