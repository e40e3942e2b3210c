#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>

#include "base/clock.h"
#include "base/error.h"
#include "base/random.h"
#include "json/document.h"
#include "kube/client/api_client.h"
#include "kube/core/request.h"
#include "kube/runtime/recovery.h"
#include "kube/runtime/reflector_fsm.h"
#include "kube/runtime/store.h"
#include "log/log.h"
#include "metrics/metrics.h"

namespace tp::kube {

struct ReflectorOptions {
  ReflectorTimes times{};
  unsigned page_size = 500;  // client-go tools/pager
  // Of one object or event. etcd takes 1.5 MB an object by default; JSON can be several times its protobuf
  // form.
  std::size_t object_bytes = std::size_t{8} << 20U;
};

// Keeps one Collection equal to what one Selection matches on the server, for as long as it runs: lists,
// watches, and starts again where it must (ReflectorFsm says when). It never gives up and no failure is
// fatal: a resource that the server does not know yet (a CRD that comes later) is asked for again and again.
//
// A failure is logged when it begins and when it is over, not at each attempt: an outage may last, and an
// operator has many watches. An object that cannot be read is counted, logged (bounded) and skipped.
//
// Metrics, each with the label resource ("deployments.apps"):
//   kube_watch_last_progress_timestamp_seconds  when anything last came: a page, an event, a bookmark
//   kube_watch_listings_total{reason}           full listings begun
//   kube_watch_failures_total                   failed listings, streams and probes
//   kube_watch_skipped_objects_total            objects and events that could not be read
//   kube_watch_resource_missing                 1 while the server does not know the resource
//
// start() and stop() are for one thread; the rest is thread-safe.
class Reflector {
 public:
  enum class State : std::uint8_t { Stopped, Listing, Watching, Waiting, Missing };

  // All references must outlive this.
  Reflector(ApiClient& api,
            Selection selection,
            Collection& collection,
            Recovery& recovery,
            const Clock& clock,
            Rng& rng,
            const log::Logger& logger,
            metrics::Registry& registry,
            const ReflectorOptions& options = {});
  ~Reflector();
  Reflector(const Reflector&) = delete;
  Reflector& operator=(const Reflector&) = delete;

  void start();
  // Interrupts whatever is going on and joins. An unfinished listing is dropped. May be started again; it
  // then lists.
  void stop();

  [[nodiscard]] State state() const noexcept { return state_.load(std::memory_order_relaxed); }
  // When anything last came; start()'s time before that.
  [[nodiscard]] SteadyTime last_progress() const noexcept;
  // The same, or when an attempt last failed, whichever is later. Bookmarks come each minute and every
  // attempt has a deadline, so one that shows neither for three times the longest stream (12 min) is stuck.
  [[nodiscard]] SteadyTime last_active() const noexcept;

 private:
  using Action = ReflectorFsm::Action;

  void run(const std::stop_token& stop);
  Action page(const std::stop_token& stop, const ReflectorFsm::ListPage& action);
  Action watch(const std::stop_token& stop, const ReflectorFsm::WatchFrom& action);
  Action probe(const std::stop_token& stop);
  Action pause(const std::stop_token& stop, const ReflectorFsm::Pause& action);
  Status line(std::string_view text);
  Status deliver(const WatchEvent& event);
  void item(std::string_view text);
  Action fail(const Error& error);
  void report(ErrorCode code);
  [[nodiscard]] bool history_changed() const;
  void begin_listing();
  void arrived();
  void progressed();
  void skipped(const Error& error);

  // Constant.
  ApiClient& api_;
  const Selection selection_;
  const std::string resource_;
  Collection& collection_;
  Recovery& recovery_;
  const Clock& clock_;
  const log::Logger logger_;
  const ReflectorOptions options_;
  metrics::Gauge& last_progress_seconds_;
  std::array<metrics::Counter*, 5> listings_{};  // by ReflectorFsm::Reason
  metrics::Counter& failures_;
  metrics::Counter& skipped_;
  metrics::Gauge& missing_;

  // Of the thread.
  ReflectorFsm fsm_;
  json::Document document_;    // reused for each object
  std::uint64_t returns_ = 0;  // recovery_.returns() at the last failure
  std::uint64_t history_ = 0;  // recovery_.history() when the last full listing began
  unsigned logged_skips_ = 0;  // since the stream or page began
  bool known_missing_ = false;
  std::optional<ErrorCode> trouble_{};  // what was logged since anything came

  // Shared.
  std::atomic<State> state_{State::Stopped};
  std::atomic<SteadyTime::rep> last_progress_{0};
  std::atomic<SteadyTime::rep> last_failure_{SteadyTime::min().time_since_epoch().count()};

  std::jthread thread_;  // last: it uses everything above
};

[[nodiscard]] std::string_view to_string(Reflector::State state) noexcept;

}  // namespace tp::kube
