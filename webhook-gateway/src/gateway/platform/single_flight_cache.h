#pragma once

#include <chrono>
#include <cstddef>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <utility>

#include "base/clock.h"
#include "base/context.h"
#include "base/mutex.h"
#include "base/result.h"

namespace tp::gateway {

// Remembers what is costly to ask for. Askers of one key that come together share one call: the first makes
// it, the others wait for its result, each under its own deadline. Errors are shared by those who waited, and
// not remembered. At most `capacity` values are kept; the one that was not asked for the longest goes first.
// Thread-safe; Value is copied out, so make it cheap to copy.
template <class Key, class Value>
class SingleFlightCache {
 public:
  struct Loaded {
    Value value;
    std::chrono::milliseconds keep_for;  // not positive: not remembered
  };
  struct Got {
    Value value;
    bool fresh = false;  // was asked for during this call, by whomever
  };

  // `clock` must outlive this object.
  explicit SingleFlightCache(const Clock& clock, std::size_t capacity = 10'000)
      : clock_(clock), capacity_(capacity) {}

  // What is known, else what `load()` says, a Result<Loaded>; it should heed `ctx`. Cancelled or
  // DeadlineExceeded as ctx says. The call of an asker who was stopped is made again by one who waited for
  // it.
  template <class Load>
  [[nodiscard]] Result<Got> get(const Context& ctx, const Key& key, const Load& load) TP_EXCLUDES(m_) {
    for (;;) {
      std::shared_ptr<Flight> flight;
      bool mine = false;
      {
        const MutexLock lock{m_};
        if (auto known = find(key)) return Got{*std::move(known), false};
        auto& under_way = flights_[key];
        mine = under_way == nullptr;
        if (mine) under_way = std::make_shared<Flight>();
        flight = under_way;
      }
      if (mine) return fly(ctx, key, *flight, load);
      if (!await(ctx, *flight)) {
        if (ctx.stop.stop_requested()) return Error{ErrorCode::Cancelled, "stopped"};
        return Error{ErrorCode::DeadlineExceeded, "another's call for the same takes too long"};
      }
      const MutexLock lock{m_};
      if (!flight->result) continue;  // its maker was stopped: that is no answer for us
      if (!*flight->result) return flight->result->error();
      return Got{**flight->result, true};
    }
  }

  // The value is not to be used again, and that of a call under way is not to be remembered.
  void forget(const Key& key) TP_EXCLUDES(m_) {
    const MutexLock lock{m_};
    erase(key);
    flights_.erase(key);
  }

  [[nodiscard]] std::size_t size() const TP_EXCLUDES(m_) {
    const MutexLock lock{m_};
    return entries_.size();
  }

 private:
  struct Entry {
    Value value;
    SteadyTime until;
    typename std::list<Key>::iterator place;  // in used_
  };
  // Its fields are guarded by the cache's mutex.
  struct Flight {
    bool landed = false;
    std::optional<Result<Value>> result{};  // none: its maker gave up
  };

  template <class Load>
  [[nodiscard]] Result<Got> fly(const Context& ctx, const Key& key, Flight& flight, const Load& load)
      TP_EXCLUDES(m_) {
    std::optional<Result<Loaded>> loaded;
    try {
      loaded = load();
    } catch (...) {
      land(ctx, key, flight, loaded);  // nobody may wait for ever
      throw;
    }
    land(ctx, key, flight, loaded);
    if (!*loaded) return std::move(*loaded).error();
    return Got{std::move((*loaded)->value), true};
  }

  void land(const Context& ctx, const Key& key, Flight& flight, const std::optional<Result<Loaded>>& loaded)
      TP_EXCLUDES(m_) {
    const MutexLock lock{m_};
    const auto under_way = flights_.find(key);
    const bool current = under_way != flights_.end() && under_way->second.get() == &flight;
    if (loaded && *loaded) {
      if (current && (*loaded)->keep_for.count() > 0) store(key, **loaded);
      flight.result = Result<Value>{(*loaded)->value};
    } else if (loaded && !gave_up(ctx)) {
      flight.result = Result<Value>{loaded->error()};
    }
    flight.landed = true;
    if (current) flights_.erase(under_way);
    landed_.notify_all();
  }

  [[nodiscard]] bool gave_up(const Context& ctx) const {
    return ctx.stop.stop_requested() || clock_.now() >= ctx.deadline;
  }

  [[nodiscard]] bool await(const Context& ctx, const Flight& flight) TP_EXCLUDES(m_) {
    const MutexLock lock{m_};
    const auto landed = [&] { return flight.landed; };
    if (ctx.deadline == SteadyTime::max()) return landed_.wait(m_, ctx.stop, landed);
    return landed_.wait_for(m_, ctx.stop, ctx.remaining(clock_), landed);
  }

  [[nodiscard]] std::optional<Value> find(const Key& key) TP_REQUIRES(m_) {
    const auto it = entries_.find(key);
    if (it == entries_.end()) return std::nullopt;
    if (clock_.now() >= it->second.until) {
      erase(key);
      return std::nullopt;
    }
    used_.splice(used_.begin(), used_, it->second.place);
    return it->second.value;
  }

  void store(const Key& key, const Loaded& loaded) TP_REQUIRES(m_) {
    erase(key);
    if (entries_.size() >= capacity_) erase(Key{used_.back()});
    used_.push_front(key);
    entries_.emplace(key, Entry{loaded.value, clock_.now() + loaded.keep_for, used_.begin()});
  }

  void erase(const Key& key) TP_REQUIRES(m_) {
    const auto it = entries_.find(key);
    if (it == entries_.end()) return;
    used_.erase(it->second.place);
    entries_.erase(it);
  }

  const Clock& clock_;
  const std::size_t capacity_;

  mutable Mutex m_;
  CondVar landed_;
  std::map<Key, Entry> entries_ TP_GUARDED_BY(m_);
  std::list<Key> used_ TP_GUARDED_BY(m_);  // the last used first
  std::map<Key, std::shared_ptr<Flight>> flights_ TP_GUARDED_BY(m_);
};

}  // namespace tp::gateway
