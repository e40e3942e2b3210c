#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/env.h"
#include "base/random.h"
#include "postgres/connection.h"
#include "postgres/pool.h"

namespace tp::test {

// The server that `./dev test` starts, or that TEST_DATABASE_URL names. Its user must be a superuser.
inline const std::string& database_url() {
  static const std::string url = [] {
    const auto value = env_var("TP_TEST_DATABASE_URL");
    if (!value || value->empty()) {
      throw std::runtime_error{
          "TP_TEST_DATABASE_URL is not set: this test needs a PostgreSQL server. \"./dev test component\" "
          "starts one; by hand: tools/postgres up && eval \"$(tools/postgres env)\""};
    }
    return *value;
  }();
  return url;
}

// An empty database of its own for one test, gone at its end with all roles that it made. Failures throw: the
// test ends there.
class Database {
 public:
  Database() : name_("tp_test_" + std::to_string(SystemRng{}.next())), server_(connect(database_url())) {
    run(*server_, "CREATE DATABASE " + name_);
    connection_ = connect(url());
  }

  ~Database() {
    connection_.reset();
    // FORCE ends the sessions that a test left open.
    static_cast<void>(server_->execute(soon(), "DROP DATABASE " + name_ + " WITH (FORCE)"));
    for (const std::string& role : roles_) static_cast<void>(server_->execute(soon(), "DROP ROLE " + role));
  }
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  // As the owner, or as a role that make_role() made.
  [[nodiscard]] std::string url(const std::string& role = {}) const {
    const std::string& server = database_url();
    const std::size_t slash = server.find('/', server.find("://") + 3);
    std::string head = server.substr(0, slash);
    if (!role.empty()) {
      const std::size_t user = head.find("://") + 3;
      const std::size_t at = head.rfind('@');
      head.replace(user, at == std::string::npos ? 0 : at - user + 1, role + ":secret@");
    }
    const std::size_t query = slash == std::string::npos ? slash : server.find('?', slash);
    return head + "/" + name_ + (query == std::string::npos ? "" : server.substr(query));
  }
  [[nodiscard]] const std::string& name() const noexcept { return name_; }

  // Makes a role that may log in and do nothing else, unlike any other test's, and answers its name.
  std::string make_role(const std::string& kind) {
    roles_.push_back(name_ + "_" + kind);
    run(*server_, "CREATE ROLE " + roles_.back() + " LOGIN PASSWORD 'secret'");
    return roles_.back();
  }

  // Runs SQL as the owner.
  postgres::Rows run(const std::string& sql, const postgres::Params& params = {}) {
    return run(*connection_, sql, params);
  }
  // The first column of the first row; "" when there is none.
  std::string value(const std::string& sql, const postgres::Params& params = {}) {
    const postgres::Rows rows = run(sql, params);
    return rows.empty() ? "" : std::string{rows.text(0, 0)};
  }
  std::int64_t count(const std::string& table_and_condition) {
    return run("SELECT count(*) FROM " + table_and_condition).integer(0, 0);
  }
  // Ends all other sessions in this database, as a restart of the server would.
  void break_connections() {
    run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid "
        "<> "
        "pg_backend_pid()");
  }
  // Nobody can connect any more, or again.
  void close(bool closed) {
    run(*server_, "ALTER DATABASE " + name_ + " ALLOW_CONNECTIONS " + (closed ? "false" : "true"));
  }

  postgres::Connection& connection() noexcept { return *connection_; }
  const Clock& clock() const noexcept { return clock_; }
  Context soon() const { return Context{}.child(clock_, std::chrono::seconds{30}); }

 private:
  std::unique_ptr<postgres::Connection> connect(const std::string& url) const {
    auto made = postgres::Connection::open(soon(), url, clock_);
    if (!made) throw std::runtime_error{made.error().message};
    return *std::move(made);
  }
  postgres::Rows run(postgres::Connection& connection,
                     const std::string& sql,
                     const postgres::Params& params = {}) {
    auto rows = connection.execute(soon(), sql, params);
    if (!rows) throw std::runtime_error{sql + ": " + rows.error().message};
    return *std::move(rows);
  }

  SystemClock clock_;
  const std::string name_;
  std::vector<std::string> roles_;
  std::unique_ptr<postgres::Connection> server_;
  std::unique_ptr<postgres::Connection> connection_;
};

}  // namespace tp::test
