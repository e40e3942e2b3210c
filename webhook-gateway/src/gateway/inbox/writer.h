#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/random.h"
#include "base/result.h"
#include "gateway/event/event.h"
#include "log/log.h"
#include "metrics/metrics.h"
#include "postgres/connection.h"

namespace tp::gateway {

// Puts verified events into the inbox. Group commit: whatever has come while a flusher waited for the
// database goes into its next statement, so the database decides the size of a batch. A further flusher joins
// in once so much waits that it is worth a statement of its own, or when the first takes long. Thread-safe.
class InboxWriter {
 public:
  struct Options {
    std::string conninfo;
    std::size_t flushers = 2;                         // threads, each with a connection
    std::size_t batch_events = 256;                   // of one statement
    std::size_t batch_bytes = std::size_t{4} << 20U;  // likewise; one larger event goes alone
    // From put() to the call of `done`, at most: Slack gives up after 3 s.
    std::chrono::milliseconds deadline{2'000};
  };

  // How many of a request's events were new; the others were stored before, by an earlier delivery.
  struct Stored {
    std::size_t fresh = 0;
    std::size_t duplicates = 0;
    std::size_t altered =
        0;  // of the duplicates: another body under a known id, which somebody should look at
  };
  using Done = std::function<void(Result<Stored>)>;

  // `clock`, `rng` and `registry` must outlive it.
  InboxWriter(Options options, const Clock& clock, Rng& rng, metrics::Registry& registry, log::Logger log);
  // Answers what waits with Cancelled.
  ~InboxWriter();
  InboxWriter(const InboxWriter&) = delete;
  InboxWriter& operator=(const InboxWriter&) = delete;

  // Stores the events of one request, all or none, and then calls `done` on a flusher's thread: with Stored
  // once the transaction is committed, else with an Error (Unavailable, DeadlineExceeded), after which the
  // sender is to send again; it does no harm if the events were stored after all. `done` must be quick and
  // must not throw.
  void put(std::vector<NewEvent> events, Done done);

  // Called after each batch that held something new: wakes a worker in the same process. Set before the first
  // put().
  void on_stored(std::function<void()> wake) { wake_ = std::move(wake); }

  // Whether the last exchange with the database went well; true before the first.
  [[nodiscard]] bool healthy() const noexcept { return healthy_.load(std::memory_order_relaxed); }

 private:
  struct Item {
    std::vector<NewEvent> events;
    Done done;
    SteadyTime deadline;
  };
  struct Statement;  // a batch as the database gets it

  void run(const std::stop_token& stop);
  [[nodiscard]] std::vector<Item> take(const std::stop_token& stop);
  void flush(const std::stop_token& stop,
             std::unique_ptr<postgres::Connection>& database,
             std::vector<Item> batch);
  // Leaves nothing of the body of one that is alone.
  [[nodiscard]] Result<std::vector<Stored>> store(const Context& ctx,
                                                  std::unique_ptr<postgres::Connection>& database,
                                                  std::vector<Item>& batch);
  [[nodiscard]] Result<std::vector<Stored>> execute(const Context& ctx,
                                                    std::unique_ptr<postgres::Connection>& database,
                                                    const std::vector<Item>& batch,
                                                    const Statement& statement);

  const Options options_;
  const Clock& clock_;
  Rng& rng_;
  log::Logger log_;
  metrics::Histogram& batch_sizes_;
  metrics::Counter& failures_;
  std::function<void()> wake_;
  std::atomic<bool> healthy_{true};

  Mutex m_;
  CondVar changed_;
  std::deque<Item> queue_ TP_GUARDED_BY(m_);
  std::size_t flushing_ TP_GUARDED_BY(m_) = 0;  // flushers with a batch
  std::vector<std::jthread> threads_;           // last: joined before anything above goes
};

}  // namespace tp::gateway
