#include "gateway/dispatch/settler.h"

#include <algorithm>
#include <chrono>
#include <iterator>
#include <utility>

#include "base/backoff.h"
#include "base/thread_name.h"

namespace tp::gateway {
namespace {

// A statement takes milliseconds; a database that does not answer is asked again.
constexpr std::chrono::seconds kDeadline{10};
constexpr Backoff kBackoff{std::chrono::milliseconds{100}, std::chrono::seconds{2}};
constexpr std::size_t kBatch = 1000;

// What the database takes as text whatever a peer put into an error message, in a length that people read.
std::string plain(std::string text) {
  constexpr std::size_t kLongest = 500;
  if (text.size() > kLongest) text.resize(kLongest);
  for (char& c : text) {
    if (c < ' ' || c > '~') c = '?';
  }
  return text;
}

}  // namespace

Settler::Settler(Inbox& inbox,
                 std::function<void()> settled,
                 const Clock& clock,
                 Rng& rng,
                 metrics::Registry& registry,
                 log::Logger log)
    : inbox_(inbox), settled_(std::move(settled)), clock_(clock), rng_(rng), log_(std::move(log)) {
  for (const State state : {State::Done, State::Ignored, State::Unrouted, State::Dead}) {
    ended_[state] = &registry.counter("webhook_gateway_events_ended_total",
                                      "Events that have come to their end, by its state.",
                                      {{"state", std::string{to_string(state)}}});
  }
  thread_ = std::jthread{[this](const std::stop_token& stop) { run(stop); }};
}

Settler::~Settler() = default;

void Settler::settle(std::vector<Settlement> settlements) {
  for (Settlement& settlement : settlements) settlement.detail = plain(std::move(settlement.detail));
  {
    const MutexLock lock{m_};
    waiting_.insert(waiting_.end(), std::make_move_iterator(settlements.begin()),
                    std::make_move_iterator(settlements.end()));
  }
  changed_.notify_all();
}

void Settler::settle(Settlement settlement) {
  std::vector<Settlement> one;
  one.push_back(std::move(settlement));
  settle(std::move(one));
}

void Settler::count(const std::vector<Settlement>& settled) const {
  for (const Settlement& settlement : settled) {
    if (is_final(settlement.state)) ended_.at(settlement.state)->Increment();
  }
}

Status Settler::drain(const Context& ctx) {
  const MutexLock lock{m_};
  if (changed_.wait_until(m_, ctx.stop, ctx.deadline,
                          [this]() TP_REQUIRES(m_) { return waiting_.empty() && !busy_; }))
    return ok();
  return Error{ErrorCode::DeadlineExceeded, "outcomes of runs could not be stored in time"};
}

void Settler::run(const std::stop_token& stop) {
  set_thread_name("settler");
  std::vector<Settlement> batch;
  for (unsigned failures = 0; !stop.stop_requested();) {
    {
      const MutexLock lock{m_};
      if (!changed_.wait(m_, stop, [&]() TP_REQUIRES(m_) { return !batch.empty() || !waiting_.empty(); }))
        return;
      const std::size_t take = std::min(waiting_.size(), kBatch - std::min(kBatch, batch.size()));
      const auto end = waiting_.begin() + static_cast<std::ptrdiff_t>(take);
      batch.insert(batch.end(), std::make_move_iterator(waiting_.begin()), std::make_move_iterator(end));
      waiting_.erase(waiting_.begin(), end);
      busy_ = true;
    }
    const Status done = inbox_.settle(Context{stop, SteadyTime::max(), {}}.child(clock_, kDeadline), batch);
    if (done) {
      count(batch);
      settled_();
    }
    const MutexLock lock{m_};
    if (done) {
      batch.clear();
      failures = 0;
      busy_ = false;
      changed_.notify_all();
      continue;
    }
    if (failures++ == 0)
      log_.warn("outcomes cannot be stored yet", {{"events", batch.size()}, {"error", done.error()}});
    static_cast<void>(changed_.wait_for(m_, stop, kBackoff.delay(failures, rng_), [] { return false; }));
  }
}

}  // namespace tp::gateway
