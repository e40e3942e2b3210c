#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/context.h"
#include "base/result.h"
#include "postgres/params.h"

struct pg_conn;
struct pg_result;

// PostgreSQL through libpq: the only module that includes it.
namespace tp::postgres {

// What a statement answered. Values are PostgreSQL's text form; views are valid as long as the Rows.
class Rows {
 public:
  [[nodiscard]] std::size_t size() const noexcept;
  [[nodiscard]] bool empty() const noexcept { return size() == 0; }
  // Rows that an INSERT, UPDATE or DELETE without RETURNING changed.
  [[nodiscard]] std::size_t affected() const noexcept;

  [[nodiscard]] bool is_null(std::size_t row, int column) const noexcept;
  [[nodiscard]] std::string_view text(std::size_t row, int column) const noexcept;  // "" for NULL
  [[nodiscard]] std::int64_t integer(std::size_t row, int column) const noexcept;   // 0 for NULL
  [[nodiscard]] bool boolean(std::size_t row, int column) const noexcept { return text(row, column) == "t"; }
  [[nodiscard]] std::string bytes(std::size_t row, int column) const;  // of a bytea

 private:
  friend class Connection;
  struct Clear {
    void operator()(pg_result* result) const noexcept;
  };
  explicit Rows(pg_result* result) : result_(result) {}

  std::unique_ptr<pg_result, Clear> result_;
};

// One connection. Not thread-safe. Failures: Cancelled and DeadlineExceeded as the context says (whether the
// statement takes effect is then unknown); Unavailable when the server is away or turns us away; Conflict for
// a deadlock or a serialization failure; AlreadyExists for a unique key; PermissionDenied; FailedPrecondition
// when a table, column or schema does not exist (migrations have not run). Messages never hold parameters or
// credentials.
class Connection {
 public:
  // `conninfo` is libpq's: a postgresql:// URL (also with a driver's name, postgresql+psycopg2://, as
  // SQLAlchemy writes it) or key=value pairs.
  [[nodiscard]] static Result<std::unique_ptr<Connection>> open(const Context& ctx,
                                                                const std::string& conninfo,
                                                                const Clock& clock);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Runs one statement; without parameters also several, separated by semicolons, as one transaction.
  [[nodiscard]] Result<Rows> execute(const Context& ctx, const std::string& sql, const Params& params = {});

  // The same for a statement that this connection runs again and again: the server reads it only the first
  // time, and soon no longer plans it. Not through a pooler that gives each transaction another session.
  [[nodiscard]] Result<Rows> execute_prepared(const Context& ctx,
                                              const std::string& sql,
                                              const Params& params);

  // False once the connection broke or a statement was given up: it must not be used again.
  [[nodiscard]] bool usable() const noexcept;
  // Whether it is usable and, as far as can be known without asking, the server still holds it too: one that
  // was restarted meanwhile has closed it. For connections that were kept; not inside a transaction.
  [[nodiscard]] bool alive() const noexcept;

 private:
  struct Finish {
    void operator()(pg_conn* connection) const noexcept;
  };
  Connection(pg_conn* connection, const Clock& clock, int wake)
      : pg_(connection), clock_(clock), wake_(wake) {}

  // Ends a wait(), from any thread.
  void interrupt() const noexcept;
  // Waits until the socket is ready for `events` of poll(2).
  [[nodiscard]] Status wait(const Context& ctx, short events);
  enum class Step : std::uint8_t { Whole, Prepare, RunPrepared };
  // `name` is that of a prepared statement.
  [[nodiscard]] Result<Rows> exchange(
      const Context& ctx, Step step, const std::string& name, const std::string& sql, const Params& params);
  [[nodiscard]] Status send(
      const Context& ctx, Step step, const std::string& name, const std::string& sql, const Params& params);
  // The statement's outcome, once all of it has come.
  [[nodiscard]] Result<Rows> receive(const Context& ctx);
  [[nodiscard]] Status await_result(const Context& ctx);
  [[nodiscard]] Result<Rows> judge(Rows rows) const;
  std::unique_ptr<pg_conn, Finish> pg_;
  const Clock& clock_;
  std::vector<std::string> prepared_{};  // statements; their places are their names
  int wake_;                             // an eventfd that a stop request writes to
  bool abandoned_ = false;  // a statement was given up: what the server still sends belongs to nobody
};

}  // namespace tp::postgres
