#include "kube/events/recorder.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/thread_name.h"

namespace tp::kube {
namespace {

using std::chrono::milliseconds;

constexpr std::array<const char*, 6> kOutcomes{"created",    "updated", "counted",
                                               "suppressed", "dropped", "failed"};

constexpr std::chrono::seconds kRequestTimeout{10};
// How often the journal is asked what time has brought, and how often losses are logged.
constexpr std::chrono::minutes kMinute{1};

}  // namespace

EventRecorder::EventRecorder(ApiClient& api,
                             EventRecorderOptions options,
                             const Clock& clock,
                             Rng& rng,
                             log::Logger log,
                             metrics::Registry& registry)
    : api_(api),
      options_(std::move(options)),
      clock_(clock),
      rng_(rng),
      log_(std::move(log)),
      journal_(options_.controller, options_.instance, clock, rng) {
  for (std::size_t i = 0; i < kOutcomes.size(); ++i) {
    outcomes_.at(i) =
        &registry.counter("kube_events_total", "Events that were announced, by what became of them.",
                          {{"outcome", kOutcomes.at(i)}});
  }
  thread_ = std::jthread{[this](const std::stop_token& stop) {
    set_thread_name("events");
    work(stop);
    farewell();
  }};
}

EventRecorder::~EventRecorder() = default;

void EventRecorder::announce(Event event) {
  using Kind = EventJournal::Decision::Kind;
  const MutexLock lock{m_};
  EventJournal::Decision decision = journal_.announce(std::move(event));
  switch (decision.kind) {
    case Kind::Create:
    case Kind::Patch: enqueue(std::move(decision.write)); break;
    case Kind::Count: count(Outcome::Counted); break;
    case Kind::Suppress: count(Outcome::Suppressed); break;
  }
}

void EventRecorder::enqueue(EventWrite write) {
  if (queue_.size() >= options_.queue)
    return lose(Outcome::Dropped, {ErrorCode::ResourceExhausted, "too many Events wait"});
  queue_.push_back(std::move(write));
  changed_.notify_one();
}

void EventRecorder::work(const std::stop_token& stop) {
  while (const auto write = next(stop)) {
    if (!deliver(stop, *write)) return;
    done();
  }
}

std::optional<EventWrite> EventRecorder::next(const std::stop_token& stop) {
  const MutexLock lock{m_};
  while (!stop.stop_requested()) {
    if (!queue_.empty()) return queue_.front();
    changed_.wait_for(m_, stop, kMinute, [this]() TP_REQUIRES(m_) { return !queue_.empty(); });
    for (EventWrite& write : journal_.due()) enqueue(std::move(write));
  }
  return std::nullopt;
}

void EventRecorder::done() {
  const MutexLock lock{m_};
  queue_.pop_front();
}

bool EventRecorder::deliver(const std::stop_token& stop, const EventWrite& write) {
  for (unsigned failures = 1;; ++failures) {
    const Status sent = send(Context{stop}.child(clock_, kRequestTimeout), write);
    if (sent) return true;
    if (stop.stop_requested()) return false;
    const MutexLock lock{m_};
    if (!is_retryable(sent.error().code) || failures == options_.tries) {
      lose(Outcome::Failed, sent.error());
      return true;
    }
    const milliseconds asked =
        std::min(sent.error().retry_after.value_or(milliseconds{0}), options_.backoff.max);
    const milliseconds pause = std::max(options_.backoff.delay(failures, rng_), asked);
    changed_.wait_for(m_, stop, pause, [] { return false; });
    if (stop.stop_requested()) return false;
  }
}

// Once each: there is no time for more.
void EventRecorder::farewell() {
  const Context ctx = Context{}.child(clock_, options_.farewell);
  std::deque<EventWrite> rest;
  {
    const MutexLock lock{m_};
    rest.swap(queue_);
    for (EventWrite& write : journal_.finish()) rest.push_back(std::move(write));
  }
  for (const EventWrite& write : rest) {
    Status sent = ctx.remaining(clock_) > milliseconds{0}
                      ? send(ctx, write)
                      : Error{ErrorCode::DeadlineExceeded, "no time is left"};
    const MutexLock lock{m_};
    if (!sent) lose(Outcome::Failed, sent.error());
  }
  const MutexLock lock{m_};
  if (lost_ > 0) log_.warn("events were not written", {{"events", lost_}});
}

Status EventRecorder::send(const Context& ctx, const EventWrite& write) {
  if (write.patch.empty()) return create(ctx, write);
  const auto patched = api_.patch_json(ctx, kEvents, write.key, write.patch, options_.instance);
  if (patched) {
    count(Outcome::Updated);
    return ok();
  }
  if (patched.error().code == ErrorCode::NotFound) return create(ctx, write);
  return patched.error();
}

Status EventRecorder::create(const Context& ctx, const EventWrite& write) {
  const auto created = api_.create(ctx, kEvents, write.key.ns, write.create);
  // The name is ours alone: an earlier try got through, and only its answer was lost.
  const bool there = !created && (created.error().code == ErrorCode::AlreadyExists ||
                                  created.error().code == ErrorCode::Conflict);
  if (!created && !there) return created.error();
  count(Outcome::Created);
  return ok();
}

void EventRecorder::lose(Outcome how, const Error& why) {
  count(how);
  ++lost_;
  const SteadyTime now = clock_.now();
  if (complained_ && now - *complained_ < kMinute) return;
  log_.warn("events were not written", {{"events", std::exchange(lost_, 0)}, {"error", why}});
  complained_ = now;
}

void EventRecorder::count(Outcome outcome) { outcomes_.at(static_cast<std::size_t>(outcome))->Increment(); }

}  // namespace tp::kube
