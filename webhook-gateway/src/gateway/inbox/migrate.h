#pragma once

#include <string>
#include <vector>

#include "base/context.h"
#include "base/result.h"
#include "postgres/connection.h"

namespace tp::gateway {

struct MigrateOptions {
  // Database roles that exist already and are given what they need (schema.h). Empty: none.
  std::string ingest_role;
  std::string worker_role;
};

// Brings the database's schema up to date, as its owner. Several may run at once: they wait for each other.
// Answers the names of the migrations that were applied: none either where a later release has been, whose
// schema is left as it is.
[[nodiscard]] Result<std::vector<std::string>> migrate(const Context& ctx,
                                                       postgres::Connection& database,
                                                       const MigrateOptions& options);

// Whether the schema is the one that this program was made for, or a newer one. FailedPrecondition says which
// command is missing.
[[nodiscard]] Status check_schema(const Context& ctx, postgres::Connection& database);

}  // namespace tp::gateway
