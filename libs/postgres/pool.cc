#include "postgres/pool.h"

#include <utility>

namespace tp::postgres {

Pool::Pool(std::string conninfo, std::size_t size, const Clock& clock)
    : conninfo_(std::move(conninfo)), clock_(clock), free_(size) {}

Result<Pool::Lease> Pool::acquire(const Context& ctx) {
  std::unique_ptr<Connection> connection;
  {
    const MutexLock lock{m_};
    if (!changed_.wait_until(m_, ctx.stop, ctx.deadline, [this]() TP_REQUIRES(m_) { return free_ > 0; })) {
      if (ctx.stop.stop_requested())
        return Error{ErrorCode::Cancelled, "waiting for a database connection was stopped"};
      return Error{ErrorCode::ResourceExhausted, "no database connection became free in time"};
    }
    --free_;
    while (!idle_.empty() && !connection) {
      if (idle_.back()->alive()) connection = std::move(idle_.back());
      idle_.pop_back();
    }
  }
  if (!connection) {
    auto opened = Connection::open(ctx, conninfo_, clock_);
    if (!opened) {
      give_back(nullptr);
      return std::move(opened).error();
    }
    connection = *std::move(opened);
  }
  return Lease{*this, std::move(connection)};
}

Result<Rows> Pool::execute(const Context& ctx, const std::string& sql, const Params& params) {
  TP_ASSIGN_OR_RETURN(const Lease lease, acquire(ctx));
  return lease->execute(ctx, sql, params);
}

void Pool::give_back(std::unique_ptr<Connection> connection) {
  {
    const MutexLock lock{m_};
    ++free_;
    if (connection && connection->usable()) idle_.push_back(std::move(connection));
  }
  changed_.notify_one();
}

}  // namespace tp::postgres
