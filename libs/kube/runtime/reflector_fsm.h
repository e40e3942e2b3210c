#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "base/backoff.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/random.h"
#include "kube/core/watch_event.h"

namespace tp::kube {

// Numbers of client-go's reflector (tools/cache/reflector.go) unless said otherwise.
struct ReflectorTimes {
  // Asked of the server as timeoutSeconds, uniformly random so that streams do not end together. Below the
  // 240 s after which Azure's load balancer cuts a silent connection; client-go asks for 5-10 min.
  std::chrono::seconds watch_min{200}, watch_max{230};
  // A stream that is still open this long after its time is dead (kube-rs).
  std::chrono::seconds grace{5};
  // A stream that ends this much before its time was ended by something else than its time.
  std::chrono::seconds early{2};
  // A watch that ends sooner and showed nothing failed, whatever it says.
  std::chrono::milliseconds short_watch{1000};
  // The server ends other requests after 60 s (--request-timeout).
  std::chrono::milliseconds page{70'000};
  std::chrono::milliseconds probe{10'000};
  // Between 0.4 and 45 s. client-go spreads to one side only, from 0.8 to 60 s.
  Backoff backoff{std::chrono::milliseconds{800}, std::chrono::seconds{30}, 2.0, 0.5};
  // Without a failure for this long the next one is a first one.
  std::chrono::milliseconds quiet{120'000};
  // A Retry-After beyond this is not believed.
  std::chrono::milliseconds longest_retry_after{120'000};
};

// Decides what a reflector does next: the watch protocol of the Kubernetes API without I/O, clock or threads.
// Its owner performs the Action that each call returns and reports the outcome with the next call.
//
//   start -> WatchFrom(initial events) -- marked bookmark --> the same stream goes on as a watch
//         \-> ListPage ... ListPage ---- last page ---------> WatchFrom(version)
//
// - The initial state comes by WatchList; an endpoint that refuses it (400, 405, 422, or a stream that ends
//   without the mark) is listed in pages from then on. Both ask for the server's newest state.
// - A stream that ends when its time is up is followed by the next one at once, from the last version.
// - Expired (410 in any form, or a resourceVersion that the server has not reached) means a new listing, and
//   so does NotFound: the resource itself is gone.
// - Any other end means a probe for the server's current version before the stream is resumed, after a pause
//   if it was a failure. A version lower than ours means that etcd was restored from a backup: the server
//   would wait in silence for our version to come, so everything is listed anew. Events that go back mean the
//   same.
//
// Not thread-safe.
class ReflectorFsm {
 public:
  // One page of a listing; the first when the token is empty.
  struct ListPage {
    std::string continue_token;
    friend bool operator==(const ListPage&, const ListPage&) = default;
  };
  struct WatchFrom {
    std::string resource_version;  // empty with initial_events
    bool initial_events = false;
    std::chrono::seconds timeout{0};  // timeoutSeconds
    friend bool operator==(const WatchFrom&, const WatchFrom&) = default;
  };
  // A listing of one object, for the resourceVersion of the list.
  struct Probe {
    friend bool operator==(const Probe&, const Probe&) = default;
  };
  // Sleep for at_most; at_least when there is news that the server is back.
  struct Pause {
    std::chrono::milliseconds at_least{0}, at_most{0};
    friend bool operator==(const Pause&, const Pause&) = default;
  };
  using Action = std::variant<ListPage, WatchFrom, Probe, Pause>;

  enum class Verdict : std::uint8_t {
    Deliver,   // to the collection
    Complete,  // the initial events are over: the collection is as of this version
    WentBack,  // do not deliver; end the stream with an error of code Expired
  };
  enum class Phase : std::uint8_t { Idle, InitialEvents, Paging, Following, Probing, Pausing };
  // Why the last full listing began.
  enum class Reason : std::uint8_t { Start, Refused, Expired, WentBack, Failed };

  // `rng` must outlive this.
  explicit ReflectorFsm(Rng& rng, const ReflectorTimes& times = {}) : rng_(rng), times_(times) {}

  [[nodiscard]] Action start(SteadyTime now);
  // A page of a listing is complete.
  [[nodiscard]] Action page_done(std::string_view resource_version,
                                 std::string_view continue_token,
                                 SteadyTime now);
  // Something came on the stream; not for WatchEventType::Error.
  [[nodiscard]] Verdict event(WatchEventType type,
                              std::string_view resource_version,
                              bool initial_events_end);
  // The server ended the stream in good order.
  [[nodiscard]] Action stream_done(SteadyTime now);
  [[nodiscard]] Action probe_done(std::string_view resource_version, SteadyTime now);
  // The listing, stream or probe failed: to open, in the middle, or by an ERROR event.
  [[nodiscard]] Action failed(const Error& error, SteadyTime now);
  [[nodiscard]] Action pause_done(SteadyTime now);
  // Somebody has reached the server again after an outage: the failures before do not lengthen the pauses to
  // come. A server that has just started refuses (401, 403, 429) for some moments more.
  void server_returned() noexcept { failures_ = 0; }

  [[nodiscard]] Phase phase() const noexcept { return phase_; }
  [[nodiscard]] Reason reason() const noexcept { return reason_; }

 private:
  Action list(Reason reason, SteadyTime now);
  Action follow(SteadyTime now);
  Action probe();
  Action expired(Reason reason, SteadyTime now);
  Action pause(const Error& error, SteadyTime now);
  WatchFrom open(bool initial_events, SteadyTime now);

  Rng& rng_;
  const ReflectorTimes times_;

  Phase phase_ = Phase::Idle;
  Reason reason_ = Reason::Start;
  Reason pending_ = Reason::Failed;  // of a listing that follows the pause
  bool watch_list_ = true;           // until the endpoint refuses it
  std::string resource_version_;     // how far we are; empty: everything must be listed
  unsigned failures_ = 0;            // without `quiet` between them
  SteadyTime last_failure_{};
  std::optional<SteadyTime> expired_{};  // when a version last had

  // Of the stream that is open:
  SteadyTime opened_{};
  std::chrono::seconds timeout_{0};
  bool shown_ = false;      // anything came
  bool went_back_ = false;  // its events did
};

[[nodiscard]] std::string_view to_string(ReflectorFsm::Phase phase) noexcept;
[[nodiscard]] std::string_view to_string(ReflectorFsm::Reason reason) noexcept;

}  // namespace tp::kube
