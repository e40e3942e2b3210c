#include "kube/runtime/work_queue.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <set>
#include <tuple>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "base/mutex.h"

namespace tp::kube {
namespace {

// Keeps now + delay far from the clock's overflow.
constexpr std::chrono::milliseconds kMaxDelay{std::chrono::hours{24 * 365}};

struct Entry {
  SteadyTime due{};
  Priority priority = Priority::Normal;
  std::uint64_t sequence = 0;  // keys due at the same time leave in the order they came
};

}  // namespace

struct WorkQueue::Impl {
  using Waiting = std::unordered_map<ObjectKey, Entry>;

  // Orders one class by the time it is due; points into waiting, whose nodes do not move.
  struct Sooner {
    bool operator()(const Waiting::value_type* a, const Waiting::value_type* b) const noexcept {
      return std::tie(a->second.due, a->second.sequence) < std::tie(b->second.due, b->second.sequence);
    }
  };
  using Line = std::set<const Waiting::value_type*, Sooner>;

  const Clock& clock;
  const std::chrono::milliseconds max_age;

  mutable Mutex m;
  CondVar changed;
  Waiting waiting TP_GUARDED_BY(m);  // not running
  Waiting again TP_GUARDED_BY(m);    // added while it runs; moves to waiting when it is done
  std::unordered_set<ObjectKey> running TP_GUARDED_BY(m);
  std::array<Line, 2> lines TP_GUARDED_BY(m);  // by Priority
  std::uint64_t sequence TP_GUARDED_BY(m) = 0;
  std::uint64_t adds TP_GUARDED_BY(m) = 0;
  std::uint64_t changes TP_GUARDED_BY(m) = 0;  // grows with each insertion: what take() waits for

  Impl(const Clock& c, std::chrono::milliseconds age) : clock(c), max_age(age) {}

  [[nodiscard]] Line& line(Priority priority) TP_REQUIRES(m) {
    return lines.at(static_cast<std::size_t>(priority));
  }

  [[nodiscard]] const Line& line(Priority priority) const TP_REQUIRES(m) {
    return lines.at(static_cast<std::size_t>(priority));
  }

  // A line is in the order of time, so what is not due yet is not looked at.
  [[nodiscard]] std::size_t due_count(Priority priority) const TP_REQUIRES(m) {
    const Line& l = line(priority);
    const SteadyTime now = clock.now();
    const auto end = std::find_if(l.begin(), l.end(), [now](const auto* e) { return e->second.due > now; });
    return static_cast<std::size_t>(std::distance(l.begin(), end));
  }

  void insert(const ObjectKey& key, Entry entry) TP_REQUIRES(m) {
    const auto [it, added] = waiting.try_emplace(key, entry);
    if (!added) {
      entry.due = std::min(entry.due, it->second.due);
      entry.priority = std::max(entry.priority, it->second.priority);
      entry.sequence = it->second.sequence;
      line(it->second.priority).erase(&*it);
      it->second = entry;
    }
    line(entry.priority).insert(&*it);
    ++changes;
    changed.notify_one();
  }

  // The line whose head goes next at `now`, or null when nothing is due.
  [[nodiscard]] Line* next_line(SteadyTime now) TP_REQUIRES(m) {
    const auto due = [now](const Line& l) { return !l.empty() && (*l.begin())->second.due <= now; };
    Line& normal = line(Priority::Normal);
    Line& low = line(Priority::Low);
    if (!due(low)) return due(normal) ? &normal : nullptr;
    if (!due(normal)) return &low;
    const bool aged = now - (*low.begin())->second.due >= max_age;
    return aged && Sooner{}(*low.begin(), *normal.begin()) ? &low : &normal;
  }

  [[nodiscard]] std::optional<Item> pop() TP_REQUIRES(m) {
    const SteadyTime now = clock.now();
    Line* const from = next_line(now);
    if (from == nullptr) return std::nullopt;
    const auto it = waiting.find((*from->begin())->first);
    Item item{it->first, it->second.priority, now - it->second.due};
    from->erase(from->begin());
    waiting.erase(it);
    running.insert(item.key);
    // Whoever was woken for this may have left another due key, or a sooner deadline, to those that still
    // wait.
    if (!waiting.empty()) changed.notify_one();
    return item;
  }

  // How long until the next key is due.
  [[nodiscard]] SteadyTime::duration pause() TP_REQUIRES(m) {
    SteadyTime::duration least = kMaxDelay;
    const SteadyTime now = clock.now();
    for (const Line& l : lines) {
      if (!l.empty()) least = std::min(least, (*l.begin())->second.due - now);
    }
    return least;
  }
};

WorkQueue::WorkQueue(const Clock& clock, std::chrono::milliseconds max_age)
    : impl_(std::make_unique<Impl>(clock, max_age)) {}

WorkQueue::~WorkQueue() = default;

void WorkQueue::add_after(const ObjectKey& key, std::chrono::milliseconds delay, Priority priority) {
  Impl& q = *impl_;
  const auto bounded = std::clamp(delay, std::chrono::milliseconds{0}, kMaxDelay);
  const MutexLock lock{q.m};
  Entry entry{q.clock.now() + bounded, priority, q.sequence++};
  if (!q.running.contains(key)) {
    if (!q.waiting.contains(key)) ++q.adds;
    q.insert(key, entry);
    return;
  }
  const auto [it, added] = q.again.try_emplace(key, entry);
  if (added) {
    ++q.adds;
  } else {
    it->second.due = std::min(it->second.due, entry.due);
    it->second.priority = std::max(it->second.priority, entry.priority);
  }
}

std::optional<WorkQueue::Item> WorkQueue::take(std::stop_token stop) {
  Impl& q = *impl_;
  const MutexLock lock{q.m};
  while (!stop.stop_requested()) {
    if (std::optional<Item> item = q.pop()) return item;
    const std::uint64_t seen = q.changes;
    q.changed.wait_for(q.m, stop, q.pause(), [&q, seen]() TP_REQUIRES(q.m) { return q.changes != seen; });
  }
  return std::nullopt;
}

std::optional<WorkQueue::Item> WorkQueue::try_take() {
  const MutexLock lock{impl_->m};
  return impl_->pop();
}

void WorkQueue::done(const ObjectKey& key) {
  Impl& q = *impl_;
  const MutexLock lock{q.m};
  q.running.erase(key);
  if (const auto node = q.again.extract(key)) q.insert(node.key(), node.mapped());
}

std::size_t WorkQueue::depth() const {
  const MutexLock lock{impl_->m};
  return impl_->waiting.size() + impl_->again.size();
}

WorkQueue::Stats WorkQueue::stats() const {
  const Impl& q = *impl_;
  const MutexLock lock{q.m};
  Stats stats;
  stats.normal = q.due_count(Priority::Normal);
  stats.low = q.due_count(Priority::Low);
  stats.delayed = q.waiting.size() - stats.normal - stats.low + q.again.size();
  stats.adds = q.adds;
  return stats;
}

std::vector<WorkQueue::Item> WorkQueue::longest_waiting(Priority priority, std::size_t most) const {
  const Impl& q = *impl_;
  const MutexLock lock{q.m};
  const SteadyTime now = q.clock.now();
  std::vector<Item> items;
  for (const Impl::Waiting::value_type* const entry : q.line(priority)) {
    if (items.size() == most || entry->second.due > now) break;
    items.push_back({entry->first, priority, now - entry->second.due});
  }
  return items;
}

}  // namespace tp::kube
