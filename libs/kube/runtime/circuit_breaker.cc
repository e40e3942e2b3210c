#include "kube/runtime/circuit_breaker.h"

#include <algorithm>

namespace tp::kube {
namespace {

constexpr const char* kAllowed = "allowed";
constexpr const char* kOpened = "opened";
constexpr const char* kProbe = "probe";

// So few that looking through them is not worth it.
constexpr std::size_t kFew = 64;

}  // namespace

CircuitBreaker::CircuitBreaker(const std::string& controller,
                               const std::vector<std::string>& kinds,
                               const CircuitBreakerSettings& settings,
                               const Clock& clock,
                               metrics::Registry& registry)
    : controller_(controller),
      settings_(settings),
      clock_(clock),
      registry_(registry),
      opens_(registry.counter("kube_circuit_breaker_opens_total",
                              "Objects that began to be looked at only from time to time.",
                              {{"controller", controller}})),
      closes_(registry.counter("kube_circuit_breaker_closes_total",
                               "Objects that are looked at as always again.",
                               {{"controller", controller}})),
      held_(registry.counter("kube_circuit_breaker_held_total",
                             "Looks at an object that were put off.",
                             {{"controller", controller}})),
      open_(registry.gauge("kube_circuit_breaker_open",
                           "Objects that are looked at only from time to time now.",
                           {{"controller", controller}})),
      sweep_at_(kFew) {
  for (const std::string& kind : kinds) {
    for (const char* result : {kAllowed, kOpened, kProbe}) count(kind, result, 0);
  }
}

std::optional<std::chrono::milliseconds> CircuitBreaker::hold(const ObjectKey& key) {
  const MutexLock lock{m_};
  const auto found = buckets_.find(key);
  if (found == buckets_.end() || !found->second.open_until) return std::nullopt;
  Bucket& bucket = found->second;
  const SteadyTime now = clock_.now();
  if (now < bucket.next_probe) {
    held_.Increment();
    return next_look(bucket, now);
  }
  bucket.next_probe = now + settings_.probe_interval;
  return std::nullopt;
}

bool CircuitBreaker::calm(const ObjectKey& key) {
  const MutexLock lock{m_};
  const auto found = buckets_.find(key);
  const bool over =
      found != buckets_.end() && found->second.open_until && clock_.now() >= *found->second.open_until;
  if (over) forget(found);
  return over;
}

void CircuitBreaker::record(const ObjectKey& key, const Source& source) {
  const MutexLock lock{m_};
  const SteadyTime now = clock_.now();
  if (buckets_.size() >= sweep_at_) sweep(now);
  Bucket& bucket = buckets_.try_emplace(key, Bucket{settings_.capacity, now}).first->second;
  ++bucket.events[std::string{source.kind}];
  if (!source.suspect.empty()) bucket.suspect = source.suspect;
  if (bucket.open_until) return count(source.kind, kProbe);
  bucket.tokens = std::max(tokens_at(bucket, now) - 1, 0.0);
  bucket.filled = now;
  if (bucket.tokens >= 1) return count(source.kind, kAllowed);
  bucket.open_until = now + settings_.open_for;
  bucket.next_probe = now + settings_.probe_interval;
  opens_.Increment();
  open_.Increment();
  count(source.kind, kOpened);
}

bool CircuitBreaker::strained(const ObjectKey& key) const {
  const MutexLock lock{m_};
  const auto found = buckets_.find(key);
  return found != buckets_.end() && (found->second.open_until || tokens_at(found->second, clock_.now()) < 2);
}

std::optional<CircuitBreaker::Storm> CircuitBreaker::storm(const ObjectKey& key) const {
  const MutexLock lock{m_};
  const auto found = buckets_.find(key);
  if (found == buckets_.end() || !found->second.open_until) return std::nullopt;
  const Bucket& bucket = found->second;
  const auto most = std::max_element(bucket.events.begin(), bucket.events.end(),
                                     [](const auto& a, const auto& b) { return a.second < b.second; });
  return Storm{most->first, bucket.suspect, settings_.probe_interval, next_look(bucket, clock_.now())};
}

void CircuitBreaker::pardon(const ObjectKey& key) {
  const MutexLock lock{m_};
  const auto found = buckets_.find(key);
  if (found != buckets_.end() && !found->second.open_until) buckets_.erase(found);
}

void CircuitBreaker::forget(const ObjectKey& key) {
  const MutexLock lock{m_};
  const auto found = buckets_.find(key);
  if (found != buckets_.end()) forget(found);
}

std::size_t CircuitBreaker::size() const {
  const MutexLock lock{m_};
  return buckets_.size();
}

// It does not fill while it is open.
double CircuitBreaker::tokens_at(const Bucket& bucket, SteadyTime now) const {
  if (bucket.open_until) return bucket.tokens;
  const double seconds = std::chrono::duration<double>(now - bucket.filled).count();
  return std::min(bucket.tokens + seconds * settings_.refill_per_second, settings_.capacity);
}

std::chrono::milliseconds CircuitBreaker::next_look(const Bucket& bucket, SteadyTime now) {
  const auto until = std::chrono::ceil<std::chrono::milliseconds>(bucket.next_probe - now);
  return std::max(until, std::chrono::milliseconds{0});
}

void CircuitBreaker::count(std::string_view kind, const char* result, double events) {
  registry_
      .counter("kube_circuit_breaker_events_total", "What counts towards opening.",
               {{"controller", controller_}, {"source", std::string{kind}}, {"result", result}})
      .Increment(events);
}

void CircuitBreaker::forget(Buckets::iterator bucket) {
  if (bucket->second.open_until) {
    closes_.Increment();
    open_.Decrement();
  }
  buckets_.erase(bucket);
}

// Those that are as if nothing had ever happened.
void CircuitBreaker::sweep(SteadyTime now) {
  std::erase_if(buckets_, [&](const Buckets::value_type& entry) {
    return !entry.second.open_until && tokens_at(entry.second, now) >= settings_.capacity;
  });
  sweep_at_ = std::max(2 * buckets_.size(), kFew);
}

}  // namespace tp::kube
