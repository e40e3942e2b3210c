#include "gateway/inbox/migrate.h"

#include <string_view>

#include "gateway/inbox/schema.h"

namespace tp::gateway {
namespace {

// Any number that no other program uses as an advisory lock; this one is "orch" in ASCII.
constexpr std::string_view kLock = "SELECT pg_advisory_xact_lock(x'6f726368'::bigint)";

constexpr std::string_view kBase = R"sql(
CREATE SCHEMA IF NOT EXISTS orchestrator;
CREATE TABLE IF NOT EXISTS orchestrator.schema_migrations (
  version    integer PRIMARY KEY,
  name       text NOT NULL,
  applied_at timestamptz NOT NULL DEFAULT now()
);
)sql";

Result<std::int64_t> version_of(const Context& ctx, postgres::Connection& database) {
  TP_ASSIGN_OR_RETURN(
      const postgres::Rows rows,
      database.execute(ctx, "SELECT coalesce(max(version), 0) FROM orchestrator.schema_migrations"));
  return rows.integer(0, 0);
}

// `grants` with the role's name, quoted by the server, in place of %I.
Status grant(const Context& ctx,
             postgres::Connection& database,
             std::string_view grants,
             const std::string& role) {
  if (role.empty()) return ok();
  TP_ASSIGN_OR_RETURN(const postgres::Rows quoted,
                      database.execute(ctx, "SELECT quote_ident($1::text)", postgres::Params{}.add(role)));
  std::string sql{grants};
  for (std::size_t at = 0; (at = sql.find("%I", at)) != std::string::npos;)
    sql.replace(at, 2, quoted.text(0, 0));
  auto granted = database.execute(ctx, sql);
  if (!granted) return std::move(granted).error().wrap("rights of role " + role);
  return ok();
}

Status apply(const Context& ctx,
             postgres::Connection& database,
             const MigrateOptions& options,
             std::vector<std::string>& applied) {
  TP_TRY(database.execute(ctx, std::string{kLock}));
  TP_TRY(database.execute(ctx, std::string{kBase}));
  TP_ASSIGN_OR_RETURN(const std::int64_t version, version_of(ctx, database));
  // A later release was here, and has left a schema that this one works with too; its rights are its own.
  if (version > migrations().back().version) return ok();
  for (const Migration& migration : migrations()) {
    if (migration.version <= version) continue;
    auto done = database.execute(ctx, std::string{migration.sql});
    if (!done) return std::move(done).error().wrap("migration " + std::string{migration.name});
    TP_TRY(database.execute(ctx, "INSERT INTO orchestrator.schema_migrations (version, name) VALUES ($1, $2)",
                            postgres::Params{}.add(migration.version).add(migration.name)));
    applied.emplace_back(migration.name);
  }
  TP_TRY(grant(ctx, database, ingest_grants(), options.ingest_role));
  return grant(ctx, database, worker_grants(), options.worker_role);
}

}  // namespace

Result<std::vector<std::string>> migrate(const Context& ctx,
                                         postgres::Connection& database,
                                         const MigrateOptions& options) {
  std::vector<std::string> applied;
  TP_TRY(database.execute(ctx, "BEGIN"));
  const Status done = apply(ctx, database, options, applied);
  const auto ended = database.execute(ctx, done ? "COMMIT" : "ROLLBACK");
  if (!done) return done.error();
  if (!ended) return ended.error();
  return applied;
}

Status check_schema(const Context& ctx, postgres::Connection& database) {
  constexpr std::string_view kMissing = "run \"webhook-gateway migrate\" first";
  const auto version = version_of(ctx, database);
  if (!version && version.error().code != ErrorCode::FailedPrecondition) return version.error();
  if (!version) {
    return Error{ErrorCode::FailedPrecondition,
                 "the database has no gateway schema: " + std::string{kMissing}};
  }
  if (*version < migrations().back().version) {
    return Error{ErrorCode::FailedPrecondition,
                 "the database is at schema version " + std::to_string(*version) + ", this program needs " +
                     std::to_string(migrations().back().version) + ": " + std::string{kMissing}};
  }
  return ok();
}

}  // namespace tp::gateway
