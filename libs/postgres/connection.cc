#include "postgres/connection.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <climits>
#include <stop_token>
#include <utility>
#include <vector>

#include <libpq-fe.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

namespace tp::postgres {
namespace {

std::string trimmed(std::string_view text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.remove_suffix(1);
  return std::string{text};
}

// Drops the driver's name of SQLAlchemy's URLs.
std::string without_driver(const std::string& conninfo) {
  for (const std::string_view scheme : {"postgresql+", "postgres+"}) {
    if (!conninfo.starts_with(scheme)) continue;
    const std::size_t end = conninfo.find("://");
    if (end != std::string::npos) return "postgresql" + conninfo.substr(end);
  }
  return conninfo;
}

// By the classes of PostgreSQL's appendix A, "Error Codes".
ErrorCode code_of(std::string_view sqlstate) {
  // 55P03: lock_timeout passed.
  if (sqlstate == "40001" || sqlstate == "40P01" || sqlstate == "55P03") return ErrorCode::Conflict;
  if (sqlstate == "23505") return ErrorCode::AlreadyExists;
  if (sqlstate == "42501") return ErrorCode::PermissionDenied;
  if (sqlstate == "42P01" || sqlstate == "42703" || sqlstate == "3F000" || sqlstate == "42883")
    return ErrorCode::FailedPrecondition;
  if (sqlstate == "57014") return ErrorCode::DeadlineExceeded;
  const std::string_view its_class = sqlstate.substr(0, 2);
  // 25006: read-only, as a server is after a failover made it a standby.
  if (its_class == "08" || its_class == "53" || its_class == "57" || its_class == "58" || sqlstate == "25006")
    return ErrorCode::Unavailable;
  if (its_class == "28") return ErrorCode::Unauthenticated;
  return ErrorCode::Internal;
}

}  // namespace

void Rows::Clear::operator()(pg_result* result) const noexcept { PQclear(result); }

std::size_t Rows::size() const noexcept { return static_cast<std::size_t>(PQntuples(result_.get())); }

std::size_t Rows::affected() const noexcept {
  const std::string_view digits = PQcmdTuples(result_.get());
  std::size_t n = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), n);
  return n;
}

bool Rows::is_null(std::size_t row, int column) const noexcept {
  return PQgetisnull(result_.get(), static_cast<int>(row), column) != 0;
}

std::string_view Rows::text(std::size_t row, int column) const noexcept {
  const int r = static_cast<int>(row);
  return {PQgetvalue(result_.get(), r, column),
          static_cast<std::size_t>(PQgetlength(result_.get(), r, column))};
}

std::int64_t Rows::integer(std::size_t row, int column) const noexcept {
  const std::string_view digits = text(row, column);
  std::int64_t n = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), n);
  return n;
}

std::string Rows::bytes(std::size_t row, int column) const {
  std::size_t size = 0;
  const auto* escaped = reinterpret_cast<const unsigned char*>(  // NOLINT(*-reinterpret-cast): libpq's type
      PQgetvalue(result_.get(), static_cast<int>(row), column));
  const std::unique_ptr<unsigned char, decltype([](unsigned char* p) { PQfreemem(p); })> raw{
      PQunescapeBytea(escaped, &size)};
  if (!raw) return {};
  return {reinterpret_cast<const char*>(raw.get()), size};  // NOLINT(*-reinterpret-cast): libpq's type
}

void Connection::Finish::operator()(pg_conn* connection) const noexcept { PQfinish(connection); }

Connection::~Connection() { ::close(wake_); }

Result<std::unique_ptr<Connection>> Connection::open(const Context& ctx,
                                                     const std::string& conninfo,
                                                     const Clock& clock) {
  const int wake = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (wake < 0) return Error{ErrorCode::ResourceExhausted, "no file descriptor for a database connection"};
  std::unique_ptr<Connection> made{
      new Connection{PQconnectStart(without_driver(conninfo).c_str()), clock, wake}};  // private constructor
  pg_conn* pg = made->pg_.get();
  if (pg == nullptr) return Error{ErrorCode::ResourceExhausted, "no memory for a database connection"};
  if (PQstatus(pg) == CONNECTION_BAD) {
    // Without a server's answer this is about the text of `conninfo`, and libpq quotes parts of it.
    return Error{ErrorCode::InvalidArgument, "the database address is not one that libpq understands"};
  }
  // libpq would print to standard error, where our log is; a server that stops speaks up while we connect,
  // too.
  PQsetNoticeProcessor(
      pg, [](void* /*unused*/, const char* /*message*/) {}, nullptr);
  const std::stop_callback on_stop{ctx.stop, [&made] { made->interrupt(); }};
  for (PostgresPollingStatusType state = PGRES_POLLING_WRITING; state != PGRES_POLLING_OK;
       state = PQconnectPoll(pg)) {
    if (state == PGRES_POLLING_FAILED) {
      return Error{ErrorCode::Unavailable, "cannot connect to the database: " + trimmed(PQerrorMessage(pg))};
    }
    TP_TRY(made->wait(ctx, state == PGRES_POLLING_READING ? POLLIN : POLLOUT));
  }
  if (PQsetnonblocking(pg, 1) != 0) return Error{ErrorCode::Internal, "libpq: no non-blocking mode"};
  // A statement that we give up (wait() says when) ends on the server once our socket is closed. PQcancel
  // would say so at once, but blocks without a limit on a server that hangs. Servers before version 14 do not
  // know the setting.
  if (PQserverVersion(pg) >= 140000)
    TP_TRY(made->execute(ctx, "SET client_connection_check_interval = '1s'"));
  return made;
}

bool Connection::usable() const noexcept { return !abandoned_ && PQstatus(pg_.get()) == CONNECTION_OK; }

Result<Rows> Connection::execute(const Context& ctx, const std::string& sql, const Params& params) {
  return exchange(ctx, Step::Whole, {}, sql, params);
}

Result<Rows> Connection::execute_prepared(const Context& ctx, const std::string& sql, const Params& params) {
  const auto known = std::find(prepared_.begin(), prepared_.end(), sql);
  const std::string name = "s" + std::to_string(known - prepared_.begin());
  if (known == prepared_.end()) {
    TP_TRY(exchange(ctx, Step::Prepare, name, sql, params));
    prepared_.push_back(sql);
  }
  return exchange(ctx, Step::RunPrepared, name, sql, params);
}

Result<Rows> Connection::exchange(
    const Context& ctx, Step step, const std::string& name, const std::string& sql, const Params& params) {
  if (!usable()) return Error{ErrorCode::Unavailable, "the database connection is lost"};
  eventfd_t earlier = 0;  // a stop request of an earlier call's context
  static_cast<void>(::eventfd_read(wake_, &earlier));
  const std::stop_callback on_stop{ctx.stop, [this] { interrupt(); }};
  Status sent = send(ctx, step, name, sql, params);
  if (sent) return receive(ctx);
  abandoned_ = true;
  return std::move(sent).error();
}

bool Connection::alive() const noexcept {
  if (!usable()) return false;
  // Between statements the server only speaks to say that it goes.
  pollfd socket{PQsocket(pg_.get()), POLLIN, 0};
  return ::poll(&socket, 1, 0) == 0;
}

void Connection::interrupt() const noexcept {
  static_cast<void>(::eventfd_write(wake_, 1));  // a full counter is as good as a written one
}

Status Connection::wait(const Context& ctx, short events) {
  using std::chrono::milliseconds;
  while (true) {
    if (ctx.stop.stop_requested()) return Error{ErrorCode::Cancelled, "the database call was stopped"};
    const milliseconds left = ctx.remaining(clock_);
    if (left == milliseconds{0})
      return Error{ErrorCode::DeadlineExceeded, "the database did not answer in time"};
    std::array<pollfd, 2> fds{{{PQsocket(pg_.get()), events, 0}, {wake_, POLLIN, 0}}};
    const int timeout = static_cast<int>(std::min<milliseconds::rep>(left.count(), INT_MAX));
    const int ready = ::poll(fds.data(), fds.size(), left == milliseconds::max() ? -1 : timeout);
    if (ready > 0 && fds[0].revents != 0) return ok();
  }
}

Status Connection::send(
    const Context& ctx, Step step, const std::string& name, const std::string& sql, const Params& params) {
  const auto& values = params.values_;
  std::vector<Oid> types;
  std::vector<const char*> texts;
  std::vector<int> lengths;
  std::vector<int> formats;
  for (const Params::Value& value : values) {
    types.push_back(value.type);
    texts.push_back(value.null ? nullptr : value.bytes.c_str());
    lengths.push_back(static_cast<int>(value.bytes.size()));
    formats.push_back(value.binary ? 1 : 0);
  }
  pg_conn* const pg = pg_.get();
  const int count = static_cast<int>(values.size());
  int queued = 0;
  if (step == Step::Prepare) {
    queued = PQsendPrepare(pg, name.c_str(), sql.c_str(), count, types.data());
  } else if (step == Step::RunPrepared) {
    queued = PQsendQueryPrepared(pg, name.c_str(), count, texts.data(), lengths.data(), formats.data(), 0);
  } else if (values.empty()) {
    queued = PQsendQuery(pg, sql.c_str());
  } else {
    queued = PQsendQueryParams(pg, sql.c_str(), count, types.data(), texts.data(), lengths.data(),
                               formats.data(), 0);
  }
  if (queued == 0) return Error{ErrorCode::Unavailable, "database: " + trimmed(PQerrorMessage(pg_.get()))};
  while (true) {
    const int flushed = PQflush(pg_.get());
    if (flushed == 0) return ok();
    if (flushed < 0) return Error{ErrorCode::Unavailable, "database: " + trimmed(PQerrorMessage(pg_.get()))};
    // The server may be writing too, and would not read before we do.
    TP_TRY(wait(ctx, POLLIN | POLLOUT));
    if (PQconsumeInput(pg_.get()) == 0)
      return Error{ErrorCode::Unavailable, "database: " + trimmed(PQerrorMessage(pg_.get()))};
  }
}

Status Connection::await_result(const Context& ctx) {
  while (PQisBusy(pg_.get()) != 0) {
    Status ready = wait(ctx, POLLIN);
    if (ready && PQconsumeInput(pg_.get()) == 0) {
      ready = Error{ErrorCode::Unavailable,
                    "the database connection broke: " + trimmed(PQerrorMessage(pg_.get()))};
    }
    if (ready) continue;
    abandoned_ = true;
    return ready;
  }
  return ok();
}

Result<Rows> Connection::judge(Rows rows) const {
  const pg_result* result = rows.result_.get();
  const ExecStatusType status = PQresultStatus(result);
  if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK || status == PGRES_EMPTY_QUERY) return rows;
  const char* sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
  const char* message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
  return Error{
      sqlstate == nullptr ? ErrorCode::Unavailable : code_of(sqlstate),
      "database: " + (message == nullptr ? trimmed(PQerrorMessage(pg_.get())) : std::string{message})};
}

Result<Rows> Connection::receive(const Context& ctx) {
  Result<Rows> outcome = Error{ErrorCode::Unavailable, "the database connection broke"};
  for (bool failed = false;;) {  // the last result counts, or the first failure
    TP_TRY(await_result(ctx));
    Rows rows{PQgetResult(pg_.get())};
    if (!rows.result_) return outcome;
    if (failed) continue;
    outcome = judge(std::move(rows));
    failed = !outcome;
  }
}

}  // namespace tp::postgres
