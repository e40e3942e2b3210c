#include "postgres/pool.h"

#include <chrono>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "support/catch.h"
#include "support/database.h"

namespace tp::postgres::test {
namespace {

using tp::test::Database;
using namespace std::chrono_literals;

std::string pid(Pool& pool, const Context& ctx) {
  auto rows = pool.execute(ctx, "SELECT pg_backend_pid()");
  if (!rows) throw std::runtime_error{rows.error().message};
  return std::string{rows->text(0, 0)};
}

TEST_CASE("a pool opens no more connections than it may, and keeps them") {
  Database db;
  Pool pool{db.url(), 2, db.clock()};
  const std::string first = pid(pool, db.soon());
  CHECK(pid(pool, db.soon()) == first);
  std::vector<std::jthread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      for (int n = 0; n < 20; ++n) static_cast<void>(pid(pool, db.soon()));
    });
  }
  threads.clear();
  CHECK(db.count("pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND "
                 "backend_type = 'client backend'") == 2);
}

TEST_CASE("who comes when all are taken waits, as long as may be") {
  Database db;
  Pool pool{db.url(), 1, db.clock()};
  std::optional<Result<Pool::Lease>> taken{pool.acquire(db.soon())};
  REQUIRE(*taken);
  const auto late = pool.acquire(Context{}.child(db.clock(), 10ms));
  REQUIRE_FALSE(late);
  CHECK(late.error().code == ErrorCode::ResourceExhausted);
  std::stop_source stop;
  stop.request_stop();
  const auto stopped = pool.acquire(Context{stop.get_token()});
  REQUIRE_FALSE(stopped);
  CHECK(stopped.error().code == ErrorCode::Cancelled);

  std::string answer;
  std::jthread waiter{[&] { answer = pid(pool, db.soon()); }};
  taken.reset();
  waiter.join();
  CHECK_FALSE(answer.empty());
}

TEST_CASE("connections that the server has closed are not given out again") {
  Database db;
  Pool pool{db.url(), 3, db.clock()};
  {
    const auto a = pool.acquire(db.soon());
    const auto b = pool.acquire(db.soon());
    REQUIRE(a);
    REQUIRE(b);
  }
  const std::string before = pid(pool, db.soon());
  db.break_connections();
  while (db.count("pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()") > 0) {
  }
  CHECK(pid(pool, db.soon()) != before);
}

TEST_CASE("a place is not lost when no connection can be opened") {
  Database db;
  Pool pool{db.url(), 1, db.clock()};
  db.close(true);
  for (int i = 0; i < 3; ++i) {
    const auto rows = pool.execute(db.soon(), "SELECT 1");
    REQUIRE_FALSE(rows);
    CHECK(rows.error().code == ErrorCode::Unavailable);
  }
  db.close(false);
  CHECK(pool.execute(db.soon(), "SELECT 1"));
}

}  // namespace
}  // namespace tp::postgres::test
