#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "kube/core/resource.h"
#include "kube/events/event.h"
#include "kube/events/lru.h"

namespace tp::kube {

// One request to events.k8s.io/v1, as a value.
struct EventWrite {
  ObjectKey key{};       // of the Event
  std::string create{};  // the whole of it
  std::string patch{};   // RFC 6902, of its series alone; empty: it is to be created
};

// Decides what is written of what is announced, so that an object that fails for hours costs a few writes an
// hour, and `kubectl describe` says how often all the same. No I/O. Not thread-safe.
//
// The rules are those of client-go's tools/events (event_broadcaster.go):
//   - The first of its kind is created. Of a kind are Events with the same object, type, action and reason:
//     the note is not looked at, as it may have a number in it. The first one's stays, for the API server
//     lets nobody change it.
//   - The second one makes it a series, which is written at once. From then on repetitions are counted, and
//     the count is written every 30 min and when the series ends.
//   - A series ends when nothing has come for 12 min. client-go's is 6: shorter than the longest pause of our
//     work queue (5 min + 25 %), so that each try of an object that fails would be a series of its own; and
//     what is found at each look for drift (10 min + 10 %) is one, too.
// And those of its spam filter (tools/record/events_cache.go):
//   - What is written at once is paid for from a bucket of 25 for each object and reason, one more every
//     300 s. Who has nothing left is not heard, or only counted.
//   - 4,096 series are remembered. One that is forgotten loses what was not written yet.
class EventJournal {
 public:
  static constexpr std::chrono::minutes kSeriesEnd{12};
  static constexpr std::chrono::minutes kRefresh{30};
  static constexpr double kBurst = 25;
  static constexpr std::chrono::seconds kRefill{300};
  static constexpr std::size_t kRemembered = 4096;

  // Who tells: `controller` is a qualified name such as "example.com/robot", `instance` which one of them.
  // Clock and rng must outlive this.
  EventJournal(std::string controller, std::string instance, const Clock& clock, Rng& rng);

  struct Decision {
    enum class Kind : std::uint8_t { Create, Patch, Count, Suppress };
    Kind kind = Kind::Count;
    EventWrite write{};  // of Create and Patch
  };
  [[nodiscard]] Decision announce(Event event);

  // What time brings: counts that are to be written, series that are over. To be asked each minute or so.
  [[nodiscard]] std::vector<EventWrite> due();
  // All counts that were not written yet, because this is the end.
  [[nodiscard]] std::vector<EventWrite> finish();

  [[nodiscard]] std::size_t remembered() const noexcept { return series_.size(); }

 private:
  struct Series {
    Event event;
    std::string name;  // of the Event
    WallTime first{};
    WallTime last_seen{};
    SteadyTime last{};
    SteadyTime written_at{};
    unsigned count = 1;
    unsigned written = 1;  // of them
  };

  struct Bucket {
    double tokens = kBurst;
    SteadyTime filled{};
  };

  [[nodiscard]] bool pay(const Event& event);
  [[nodiscard]] std::string new_name(const Event& event);
  [[nodiscard]] std::string body_of(const Series& series) const;
  [[nodiscard]] EventWrite patch_of(Series& series);

  const std::string controller_;
  const std::string instance_;
  const Clock& clock_;
  Rng& rng_;
  Lru<Series> series_{kRemembered};
  Lru<Bucket> buckets_{kRemembered};
};

}  // namespace tp::kube
