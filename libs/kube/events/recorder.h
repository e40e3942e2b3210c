#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>

#include "base/backoff.h"
#include "base/clock.h"
#include "base/context.h"
#include "base/mutex.h"
#include "base/random.h"
#include "kube/client/api_client.h"
#include "kube/events/event.h"
#include "kube/events/event_journal.h"
#include "log/log.h"
#include "metrics/metrics.h"

namespace tp::kube {

struct EventRecorderOptions {
  std::string controller;  // as for EventJournal
  std::string instance;
  std::size_t queue = 1000;  // writes that wait; client-go's number. One more is dropped
  // Of one write, while the API server is away: with these pauses about half a minute.
  unsigned tries = 6;
  Backoff backoff{.min = std::chrono::seconds{1}, .max = std::chrono::seconds{30}};
  // What is left at the end may take this long.
  std::chrono::milliseconds farewell{std::chrono::seconds{3}};
};

// Writes Events, on a thread of its own: announce() never waits. What it cannot write is counted, logged at
// most once a minute, and forgotten. A series whose Event is gone (they live for an hour) gets a new one.
//
//   kube_events_total{outcome}   created, updated (a series' count), counted (no write needed),
//                                suppressed (too many of one object and reason), dropped (the queue is
//                                full), failed
class EventRecorder final : public EventSink {
 public:
  // Begins to work. References must outlive this.
  EventRecorder(ApiClient& api,
                EventRecorderOptions options,
                const Clock& clock,
                Rng& rng,
                log::Logger log,
                metrics::Registry& registry);
  // Writes what waits and what was only counted, within Options::farewell.
  ~EventRecorder() override;
  EventRecorder(const EventRecorder&) = delete;
  EventRecorder& operator=(const EventRecorder&) = delete;

  void announce(Event event) override;

 private:
  enum class Outcome : std::uint8_t { Created, Updated, Counted, Suppressed, Dropped, Failed };

  void work(const std::stop_token& stop);
  void farewell();
  // The write that comes next; nothing when it is time to stop. It stays in the queue until it is done.
  [[nodiscard]] std::optional<EventWrite> next(const std::stop_token& stop);
  void done();
  // False when it was interrupted.
  [[nodiscard]] bool deliver(const std::stop_token& stop, const EventWrite& write);
  [[nodiscard]] Status send(const Context& ctx, const EventWrite& write);
  [[nodiscard]] Status create(const Context& ctx, const EventWrite& write);
  void enqueue(EventWrite write) TP_REQUIRES(m_);
  void lose(Outcome how, const Error& why) TP_REQUIRES(m_);
  void count(Outcome outcome);

  ApiClient& api_;
  const EventRecorderOptions options_;
  const Clock& clock_;
  Rng& rng_;
  const log::Logger log_;
  std::array<metrics::Counter*, 6> outcomes_{};  // by Outcome

  Mutex m_;
  CondVar changed_;
  EventJournal journal_ TP_GUARDED_BY(m_);
  std::deque<EventWrite> queue_ TP_GUARDED_BY(m_);
  unsigned lost_ TP_GUARDED_BY(m_) = 0;  // and not logged yet
  std::optional<SteadyTime> complained_ TP_GUARDED_BY(m_);

  std::jthread thread_;  // last: it uses everything above
};

}  // namespace tp::kube
