#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "kube/core/resource.h"
#include "metrics/metrics.h"

namespace tp::kube {

// Crossplane's numbers (internal/circuit/token_bucket.go), which count each event twice, halved.
struct CircuitBreakerSettings {
  double capacity = 50;  // events in a row
  double refill_per_second = 0.5;
  std::chrono::milliseconds open_for{std::chrono::minutes{5}};
  std::chrono::milliseconds probe_interval{std::chrono::seconds{30}};
};

// Keeps one object that is fought over from taking the API server and the queue: a token bucket for each
// key. An event takes a token; the one that takes the last opens the breaker, and from then on the key may be
// looked at only once in a probe_interval. Nothing is lost by that: reconciling is level-based, and what is
// wrong then is seen at the next look.
//
// What counts as an event is for the caller to say. Crossplane counts what watches bring. We count our own
// successful writes: a fight always writes, while a roll-out of a hundred replicas, or a busy neighbour,
// brings as many events and writes nothing. An event without a write costs some 20 us here, so it needs no
// breaker.
//
// It closes when open_for is over and a look has found nothing to do. So a fight that goes on keeps it open,
// and there is one write a probe_interval throughout.
//
// A key whose bucket is full and closed is forgotten, as it would be the same without (Crossplane waits 24
// h), so memory is bounded by the keys that were written to within capacity / refill_per_second, 100 s.
// Thread-safe.
class CircuitBreaker {
 public:
  // What an event comes from: the kind that was written to, of those given at construction, and who is
  // suspected (a field manager; may be empty).
  struct Source {
    std::string_view kind;
    std::string_view suspect{};
  };

  // An open breaker.
  struct Storm {
    std::string kind;     // that most events were of
    std::string suspect;  // the last one named; may be empty
    std::chrono::milliseconds probe_interval{0};
    std::chrono::milliseconds next_look{0};  // from now
  };

  // `clock` and `registry` must outlive this. `controller` and `kinds` are values of labels.
  CircuitBreaker(const std::string& controller,
                 const std::vector<std::string>& kinds,
                 const CircuitBreakerSettings& settings,
                 const Clock& clock,
                 metrics::Registry& registry);

  // How long a look at `key` is to be put off; nothing: look now. While open, the first who asks after a
  // probe_interval gets nothing.
  [[nodiscard]] std::optional<std::chrono::milliseconds> hold(const ObjectKey& key);
  // A look found nothing to do. True when that closes it.
  bool calm(const ObjectKey& key);
  // An event.
  void record(const ObjectKey& key, const Source& source);
  // Whether one more event finds it open: the time to find out who is behind it.
  [[nodiscard]] bool strained(const ObjectKey& key) const;
  // Nothing while it is closed.
  [[nodiscard]] std::optional<Storm> storm(const ObjectKey& key) const;
  // What comes now was asked for: the count of a closed one begins anew. An open one stays open.
  void pardon(const ObjectKey& key);
  // The object is gone.
  void forget(const ObjectKey& key);

  [[nodiscard]] std::size_t size() const;  // keys remembered

 private:
  struct Bucket {
    double tokens;
    SteadyTime filled{};  // when `tokens` was true
    // While open:
    std::optional<SteadyTime> open_until{};
    SteadyTime next_probe{};
    std::map<std::string, unsigned, std::less<>> events{};  // by kind
    std::string suspect{};
  };
  using Buckets = std::unordered_map<ObjectKey, Bucket>;

  [[nodiscard]] double tokens_at(const Bucket& bucket, SteadyTime now) const;
  [[nodiscard]] static std::chrono::milliseconds next_look(const Bucket& bucket, SteadyTime now);
  void count(std::string_view kind, const char* result, double events = 1);
  void forget(Buckets::iterator bucket) TP_REQUIRES(m_);
  void sweep(SteadyTime now) TP_REQUIRES(m_);

  const std::string controller_;
  const CircuitBreakerSettings settings_;
  const Clock& clock_;
  metrics::Registry& registry_;
  metrics::Counter& opens_;
  metrics::Counter& closes_;
  metrics::Counter& held_;
  metrics::Gauge& open_;

  mutable Mutex m_;
  Buckets buckets_ TP_GUARDED_BY(m_);
  std::size_t sweep_at_ TP_GUARDED_BY(m_);
};

}  // namespace tp::kube
