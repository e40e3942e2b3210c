#include "postgres/connection.h"

#include <chrono>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "support/catch.h"
#include "support/database.h"

namespace tp::postgres::test {
namespace {

using tp::test::Database;
using tp::test::database_url;
using namespace std::chrono_literals;

ErrorCode code_of(Result<Rows> rows) {
  return rows ? throw std::runtime_error{"it succeeded"} : rows.error().code;
}

TEST_CASE("values go there and come back") {
  Database db;
  const std::string bytes{"\0\x01\xff'\\", 5};
  const Rows rows = db.run(
      "SELECT $1, $2::bigint, $3::bytea[], $4::text[], $5::bigint[], $6::text, $7::boolean, $8::text IS "
      "NULL, "
      "($3::bytea[])[1]",
      Params{}
          .add("it's \"text\" ü")
          .add(std::int64_t{-9'000'000'000})
          .add_bytes({bytes, {}})
          .add_texts(std::vector<std::string>{"a,b", "{}", ""})
          .add_bigints({-1, 0, 1LL << 62})
          .add_null()
          .add(true)
          .add_or_null(""));
  REQUIRE(rows.size() == 1);
  CHECK(rows.text(0, 0) == "it's \"text\" ü");
  CHECK(rows.integer(0, 1) == -9'000'000'000);
  CHECK(rows.text(0, 3) == R"({"a,b","{}",""})");
  CHECK(rows.text(0, 4) == "{-1,0,4611686018427387904}");
  CHECK(rows.is_null(0, 5));
  CHECK(rows.text(0, 5).empty());
  CHECK(rows.boolean(0, 6));
  CHECK(rows.boolean(0, 7));
  CHECK(rows.bytes(0, 8) == bytes);
  CHECK(db.value("SELECT cardinality($1)", Params{}.add_texts(std::vector<std::string>{})) == "0");
}

TEST_CASE("a prepared statement is read once, and with other values each time") {
  Database db;
  const Context ctx;
  db.run("CREATE TABLE numbers (n bigint)");
  const std::string insert = "INSERT INTO numbers SELECT unnest($1::bigint[]) RETURNING n";
  const std::string missing = "SELECT $1::text FROM no_such_table";
  for (std::int64_t i = 0; i < 10; ++i) {
    const auto rows = db.connection().execute_prepared(ctx, insert, Params{}.add_bigints({i, -i}));
    REQUIRE(rows);
    CHECK(rows->integer(1, 0) == -i);
    // One that cannot be prepared is no obstacle to those that follow, nor to its own next try.
    CHECK(code_of(db.connection().execute_prepared(ctx, missing, Params{}.add("x"))) ==
          ErrorCode::FailedPrecondition);
  }
  db.run("CREATE TABLE no_such_table AS SELECT 1");
  CHECK(db.connection().execute_prepared(ctx, missing, Params{}.add("x"))->text(0, 0) == "x");
  CHECK(db.run("SELECT count(*) FROM pg_prepared_statements").integer(0, 0) == 2);
  CHECK(db.run("SELECT count(*) FROM numbers").integer(0, 0) == 20);
}

TEST_CASE("several statements without parameters are one transaction") {
  Database db;
  db.run("CREATE TABLE t (n int)");
  auto failed = db.connection().execute(db.soon(), "INSERT INTO t VALUES (1); SELECT 1 / 0");
  REQUIRE_FALSE(failed);
  CHECK(db.count("t") == 0);
  CHECK(db.run("INSERT INTO t VALUES (1), (2)").affected() == 2);
}

TEST_CASE("failures say what to do next, and the connection stays") {
  Database db;
  db.run("CREATE TABLE t (n int PRIMARY KEY); INSERT INTO t VALUES (1)");
  auto& c = db.connection();
  CHECK(code_of(c.execute(db.soon(), "INSERT INTO t VALUES (1)")) == ErrorCode::AlreadyExists);
  CHECK(code_of(c.execute(db.soon(), "SELECT * FROM absent")) == ErrorCode::FailedPrecondition);
  CHECK(code_of(c.execute(db.soon(), "SELECT * FROM absent.t")) == ErrorCode::FailedPrecondition);
  CHECK(code_of(c.execute(db.soon(), "SELECT absent FROM t")) == ErrorCode::FailedPrecondition);
  CHECK(code_of(c.execute(db.soon(), "SELECT 1 / 0")) == ErrorCode::Internal);
  CHECK(code_of(c.execute(db.soon(), "SET statement_timeout = 1; SELECT pg_sleep(9)")) ==
        ErrorCode::DeadlineExceeded);
  CHECK(code_of(c.execute(db.soon(), "SELECT $1::bytea", Params{}.add("\\x0"))) == ErrorCode::Internal);
  CHECK(c.usable());
  CHECK(c.alive());

  const std::string role = db.make_role("nobody");
  auto other = Connection::open(db.soon(), db.url(role), db.clock());
  REQUIRE(other);
  CHECK(code_of((*other)->execute(db.soon(), "SELECT * FROM t")) == ErrorCode::PermissionDenied);
}

TEST_CASE("a lock that is not given in time is a conflict") {
  Database db;
  db.run("CREATE TABLE t (n int)");
  auto other = Connection::open(db.soon(), db.url(), db.clock());
  REQUIRE(other);
  db.run("BEGIN; LOCK TABLE t");
  CHECK(code_of((*other)->execute(db.soon(), "SET lock_timeout = '10ms'; SELECT * FROM t")) ==
        ErrorCode::Conflict);
  db.run("ROLLBACK");
}

TEST_CASE("a deadline or a stop request ends a statement at once, and with it the connection") {
  Database db;
  {
    auto c = Connection::open(db.soon(), db.url(), db.clock());
    REQUIRE(c);
    CHECK(code_of((*c)->execute(Context{}.child(db.clock(), 20ms), "SELECT pg_sleep(60)")) ==
          ErrorCode::DeadlineExceeded);
    CHECK_FALSE((*c)->usable());
    CHECK(code_of((*c)->execute(db.soon(), "SELECT 1")) == ErrorCode::Unavailable);
  }
  auto c = Connection::open(db.soon(), db.url(), db.clock());
  REQUIRE(c);
  std::stop_source stop;
  const std::jthread stopper{[&] {
    while (db.count("pg_stat_activity WHERE query LIKE 'SELECT pg_sleep(59)%' AND state = 'active'") == 0) {
    }
    stop.request_stop();
  }};
  Context ctx = db.soon();
  ctx.stop = stop.get_token();
  CHECK(code_of((*c)->execute(ctx, "SELECT pg_sleep(59)")) == ErrorCode::Cancelled);
  CHECK_FALSE((*c)->usable());
  CHECK(code_of(Connection::open(ctx, db.url(), db.clock()).and_then([](auto) -> Result<Rows> {
          return Error{ErrorCode::Internal, "it connected"};
        })) == ErrorCode::Cancelled);
}

TEST_CASE("a session that the server ended is noticed before it is used") {
  Database db;
  auto c = Connection::open(db.soon(), db.url(), db.clock());
  REQUIRE(c);
  CHECK((*c)->alive());
  db.break_connections();
  const auto end = db.clock().now() + 30s;
  while ((*c)->alive() && db.clock().now() < end) {
  }
  CHECK_FALSE((*c)->alive());
  CHECK(code_of((*c)->execute(db.soon(), "SELECT 1")) == ErrorCode::Unavailable);
}

TEST_CASE("an address is libpq's, also as SQLAlchemy writes it, and never quoted in an error") {
  Database db;
  std::string url = db.url();
  url.replace(0, url.find("://"), "postgresql+psycopg2");
  CHECK(Connection::open(db.soon(), url, db.clock()));

  auto odd = Connection::open(db.soon(), "postgresql://me:hunter2@[::1", db.clock());
  REQUIRE_FALSE(odd);
  CHECK(odd.error().code == ErrorCode::InvalidArgument);
  CHECK(odd.error().message.find("hunter2") == std::string::npos);

  auto away = Connection::open(db.soon(), "postgresql://me:hunter2@127.0.0.1:1/x", db.clock());
  REQUIRE_FALSE(away);
  CHECK(away.error().code == ErrorCode::Unavailable);
  CHECK(away.error().message.find("hunter2") == std::string::npos);
}

TEST_CASE("a large answer and a large question at once do not stop each other") {
  Database db;
  const std::string much(std::size_t{20} << 20U, 'x');
  const Rows rows = db.run("SELECT $1::text, $1::text", Params{}.add(much));
  CHECK(rows.text(0, 1) == much);
}

}  // namespace
}  // namespace tp::postgres::test
