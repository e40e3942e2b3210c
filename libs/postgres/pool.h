#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/context.h"
#include "base/mutex.h"
#include "base/result.h"
#include "postgres/connection.h"

namespace tp::postgres {

// Connections to one database, opened when they are needed and kept. Thread-safe. At most `size` exist; who
// comes when all are taken waits, under its own deadline (ResourceExhausted when that passes).
class Pool {
 public:
  // `clock` must outlive the pool.
  Pool(std::string conninfo, std::size_t size, const Clock& clock);

  // A connection for one caller, until the Lease goes. One that broke is not given out again.
  class Lease {
   public:
    Lease(Pool& pool, std::unique_ptr<Connection> connection)
        : pool_(&pool), connection_(std::move(connection)) {}
    Lease(Lease&&) noexcept = default;
    Lease& operator=(Lease&&) = delete;
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    ~Lease() {
      if (connection_) pool_->give_back(std::move(connection_));
    }

    Connection& operator*() const noexcept { return *connection_; }
    Connection* operator->() const noexcept { return connection_.get(); }

   private:
    Pool* pool_;
    std::unique_ptr<Connection> connection_;
  };

  [[nodiscard]] Result<Lease> acquire(const Context& ctx);

  // Runs one statement on any connection.
  [[nodiscard]] Result<Rows> execute(const Context& ctx, const std::string& sql, const Params& params = {});

 private:
  void give_back(std::unique_ptr<Connection> connection);

  const std::string conninfo_;
  const Clock& clock_;
  Mutex m_;
  CondVar changed_;
  std::size_t free_ TP_GUARDED_BY(m_);  // how many more may be taken, idle or to be opened
  std::vector<std::unique_ptr<Connection>> idle_ TP_GUARDED_BY(m_);
};

}  // namespace tp::postgres
