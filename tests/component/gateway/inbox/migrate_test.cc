#include "gateway/inbox/migrate.h"

#include <string>
#include <thread>
#include <vector>

#include "fixture.h"
#include "gateway/inbox/purge.h"
#include "gateway/inbox/schema.h"

namespace tp::gateway::test {
namespace {

using tp::test::Database;

TEST_CASE("a second migration does nothing, and several at once do it once") {
  Database db;
  std::vector<std::vector<std::string>> applied(6);
  {
    std::vector<std::jthread> threads;
    for (auto& names : applied) {
      threads.emplace_back([&] {
        const auto connection = must(postgres::Connection::open(db.soon(), db.url(), db.clock()));
        names = must(migrate(db.soon(), *connection, {}));
      });
    }
  }
  std::size_t steps = 0;
  for (const auto& names : applied) steps += names.size();
  CHECK(steps == migrations().size());
  CHECK(must(migrate(db.soon(), db.connection(), {})).empty());
  CHECK(db.count("orchestrator.schema_migrations") == static_cast<std::int64_t>(migrations().size()));
}

TEST_CASE("versions count from 1") {
  int version = 0;
  for (const Migration& migration : migrations()) CHECK(migration.version == ++version);
}

TEST_CASE("a migration that fails leaves nothing behind") {
  Database db;
  db.run("CREATE SCHEMA orchestrator; CREATE TABLE orchestrator.inbox (id int)");  // somebody else's
  const auto failed = migrate(db.soon(), db.connection(), {});
  REQUIRE_FALSE(failed);
  CHECK(failed.error().message.find("migration inbox") != std::string::npos);
  CHECK(db.count("pg_tables WHERE schemaname = 'orchestrator'") == 1);
}

TEST_CASE("a schema that is missing, old, right or newer") {
  Database db;
  const auto empty = check_schema(db.soon(), db.connection());
  REQUIRE_FALSE(empty);
  CHECK(empty.error().code == ErrorCode::FailedPrecondition);
  CHECK(empty.error().message.find("webhook-gateway migrate") != std::string::npos);

  must(migrate(db.soon(), db.connection(), {}));
  CHECK(check_schema(db.soon(), db.connection()));

  db.run("INSERT INTO orchestrator.schema_migrations (version, name) VALUES (99, 'of a later release')");
  CHECK(check_schema(db.soon(), db.connection()));
  CHECK(must(migrate(db.soon(), db.connection(), {})).empty());  // as when a release is rolled back

  db.run("DELETE FROM orchestrator.schema_migrations");
  const auto old = check_schema(db.soon(), db.connection());
  REQUIRE_FALSE(old);
  CHECK(old.error().code == ErrorCode::FailedPrecondition);
  CHECK(old.error().message.find("version 0") != std::string::npos);
}

TEST_CASE("the ingest role adds events, and reads nothing but ids and keys") {
  Fixture f;
  const std::string role = f.db.make_role("ingest");
  must(migrate(f.ctx(), f.db.connection(), {.ingest_role = role, .worker_role = {}}));
  auto options = f.writer_options();
  options.conninfo = f.db.url(role);
  InboxWriter writer{options, f.db.clock(), f.rng, f.registry, no_log()};
  CHECK(must(Fixture::put(writer, {new_event("one"), new_event("two")})).fresh == 2);
  CHECK(must(Fixture::put(writer, {new_event("one"), new_event("two", "altered")})).altered == 1);
  CHECK(f.db.count("orchestrator.duplicates") == 2);

  const auto connection = must(postgres::Connection::open(f.ctx(), f.db.url(role), f.db.clock()));
  CHECK(check_schema(f.ctx(), *connection));
  CHECK(connection->execute(
      f.ctx(), "SELECT event_id, digest_key, provider_key, twin_key FROM orchestrator.dedupe_keys"));
  const auto tables = f.db.run(
      "SELECT relname FROM pg_class WHERE relnamespace = 'orchestrator'::regnamespace AND relkind IN ('r', "
      "'p') AND "
      "relname <> 'schema_migrations'");
  CHECK(tables.size() > 10);
  for (std::size_t row = 0; row < tables.size(); ++row) {
    const std::string table = "orchestrator." + std::string{tables.text(row, 0)};
    for (const std::string& sql :
         {"SELECT * FROM " + table, "SELECT count(*) FROM (SELECT t FROM " + table + " t) x",
          "DELETE FROM " + table, "TRUNCATE " + table, "COPY " + table + " TO STDOUT"}) {
      CAPTURE(sql);
      const auto denied = connection->execute(f.ctx(), sql);
      REQUIRE_FALSE(denied);
      CHECK(denied.error().code == ErrorCode::PermissionDenied);
    }
  }
  for (const char* sql :
       {"SELECT body FROM orchestrator.payloads", "SELECT id FROM orchestrator.inbox",
        "SELECT expires_at FROM orchestrator.dedupe_keys", "UPDATE orchestrator.inbox SET state = 'received'",
        "UPDATE orchestrator.dedupe_keys SET digest_key = ''",
        "INSERT INTO orchestrator.controls (changed_by) VALUES ('x')", "SELECT orchestrator.maintain(1, 1)",
        "SELECT orchestrator.purge_team('o', 't')", "CREATE TABLE orchestrator.mine (n int)",
        "INSERT INTO orchestrator.inbox (id, source, kind) VALUES (gen_random_uuid(), '', '') RETURNING "
        "state"}) {
    CAPTURE(sql);
    const auto denied = connection->execute(f.ctx(), sql);
    REQUIRE_FALSE(denied);
    CHECK(denied.error().code == ErrorCode::PermissionDenied);
  }
}

TEST_CASE("the worker's role can do all that a worker does, and change no table") {
  Fixture f;
  const std::string role = f.db.make_role("worker");
  must(migrate(f.ctx(), f.db.connection(), {.ingest_role = {}, .worker_role = role}));
  postgres::Pool pool{f.db.url(role), 2, f.db.clock()};
  Inbox inbox{pool, new_event_id(f.db.clock().wall_now(), f.rng).str(), "host", std::chrono::minutes{1}};
  must(inbox.heartbeat(f.ctx()));
  f.put(new_event("one"));
  f.put(new_event("one"));
  f.route_all(inbox, "o", "t");
  const auto events = f.claim_all(inbox);
  REQUIRE(events.size() == 1);
  REQUIRE(must(inbox.begin_attempts(f.ctx(), {{events[0].claim, "a:1", std::chrono::minutes{1}}})).size() ==
          1);
  must(inbox.settle(f.ctx(),
                    {{.claim = events[0].claim, .state = State::Dead, .reason = "x", .outcome = "dead"}}));
  must(inbox.count_duplicates(f.ctx()));
  CHECK(f.state_of(events[0].claim.id) == "received/redelivered");
  must(inbox.wake_forgotten(f.ctx()));
  must(inbox.maintain(f.ctx(), 14, 90));
  CHECK(must(purge_team(f.ctx(), pool, "o", "t")) == 0);
  must(inbox.depth(f.ctx()));
  must(inbox.retire(f.ctx()));
  for (const char* sql : {"DROP TABLE orchestrator.inbox", "CREATE TABLE orchestrator.mine (n int)",
                          "DELETE FROM orchestrator.payloads", "DELETE FROM orchestrator.admin_audit",
                          "UPDATE orchestrator.schema_migrations SET version = 0"}) {
    CAPTURE(sql);
    const auto denied = pool.execute(f.ctx(), sql);
    REQUIRE_FALSE(denied);
    CHECK(denied.error().code == ErrorCode::PermissionDenied);
  }
}

TEST_CASE("a role that does not exist is named") {
  Database db;
  const auto failed =
      migrate(db.soon(), db.connection(), {.ingest_role = "no such \"role\"", .worker_role = {}});
  REQUIRE_FALSE(failed);
  CHECK(failed.error().message.find("no such \"role\"") != std::string::npos);
  CHECK(db.count("pg_tables WHERE schemaname = 'orchestrator'") == 0);
}

}  // namespace
}  // namespace tp::gateway::test
