#include "gateway/dispatch/worker.h"

#include <array>
#include <utility>

#include "base/backoff.h"
#include "base/thread_name.h"

namespace tp::gateway {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Backoff kBackoff{milliseconds{100}, seconds{5}};
// For one look at the database; the calls that a step makes to other services have limits of their own.
constexpr seconds kDatabaseDeadline{10};
// Of several threads of a kind one looks often, so that an idle worker costs the database little; it calls
// the others.
constexpr milliseconds kOthersPoll{1'000};
constexpr std::chrono::hours kMaintainEvery{1};
constexpr seconds kLookEvery{10};  // for what we may have overlooked, and for the depth

}  // namespace

Worker::Worker(Settings settings,
               Wakes wakes,
               Inbox& inbox,
               Router& router,
               Dispatcher& dispatcher,
               Resolver& resolver,
               Settler& settler,
               const Clock& clock,
               Rng& rng,
               metrics::Registry& registry,
               log::Logger log)
    : settings_(settings),
      inbox_(inbox),
      router_(router),
      dispatcher_(dispatcher),
      resolver_(resolver),
      settler_(settler),
      clock_(clock),
      rng_(rng),
      registry_(registry),
      log_(std::move(log)),
      wakes_(wakes) {
  observe({});
}

Worker::~Worker() {
  for (auto& thread : claimers_) thread.request_stop();
}

void Worker::start() {
  keeper_ = std::jthread{[this](const std::stop_token& stop) { keep(stop); }};
  for (std::size_t i = 0; i < settings_.routers; ++i) {
    loop("router", i == 0, wakes_.new_events,
         [this](const Context& ctx) { return router_.step(ctx, Lane::Normal); });
  }
  // A lane of their own: what Slack forgets after 3 s must not stand behind a flood.
  loop("interactive", true, wakes_.new_events,
       [this](const Context& ctx) { return router_.step(ctx, Lane::Interactive); });
  for (std::size_t i = 0; i < settings_.dispatchers; ++i) {
    loop("dispatcher", i == 0, wakes_.due_teams,
         [this](const Context& ctx) { return dispatcher_.step(ctx); });
  }
  loop("resolver", false, never_, [this](const Context& ctx) { return resolver_.step(ctx); });
}

void Worker::loop(const char* name,
                  bool first,
                  Wake& wake,
                  std::function<Result<bool>(const Context&)> step) {
  const milliseconds idle = first ? settings_.poll : kOthersPoll;
  claimers_.emplace_back(
      [this, name, first, idle, &wake, step = std::move(step)](const std::stop_token& stop) {
        set_thread_name(name);
        Wake::Heard heard = 0;
        for (unsigned failures = 0; !stop.stop_requested();) {
          const Result<bool> found = step(Context{stop, SteadyTime::max(), {}});
          if (found) {
            failures = 0;
            if (!*found) {
              wake.pause(stop, idle, heard);
            } else if (first) {
              wake();  // there may be more than one thread's work
            }
          } else if (found.error().code != ErrorCode::Cancelled) {
            if (failures++ == 0) log_.warn("a step failed", {{"thread", name}, {"error", found.error()}});
            wake.pause(stop, kBackoff.delay(failures, rng_), heard);
          }
        }
      });
}

void Worker::keep(const std::stop_token& stop) {
  bool healthy = true;  // it is said once when that changes
  set_thread_name("keeper");
  SteadyTime look_at{};
  SteadyTime maintain_at{};
  while (!stop.stop_requested()) {
    const Context ctx = Context{stop, SteadyTime::max(), {}}.child(clock_, kDatabaseDeadline);
    const auto tend = [&]() -> Status {
      TP_TRY(inbox_.heartbeat(ctx));
      TP_TRY(inbox_.count_duplicates(ctx));
      TP_ASSIGN_OR_RETURN(const std::size_t reaped, inbox_.reap(ctx));
      if (reaped > 0) log_.warn("took back the events of a worker that was lost", {{"events", reaped}});
      if (clock_.now() < look_at) return ok();
      look_at = clock_.now() + kLookEvery;
      TP_TRY(inbox_.wake_forgotten(ctx));
      TP_ASSIGN_OR_RETURN(const Depth depth, inbox_.depth(ctx));
      observe(depth);
      if (clock_.now() < maintain_at) return ok();
      maintain_at = clock_.now() + kMaintainEvery;
      return inbox_.maintain(ctx, settings_.payload_days, settings_.event_days);
    };
    const Status tended = tend();
    if (!tended && healthy && tended.error().code != ErrorCode::Cancelled)
      log_.warn("the inbox cannot be tended", {{"error", tended.error()}});
    healthy = tended.has_value();
    if (healthy) note_tended();
    // Several heartbeats fit into a lease, so that one that is late loses nothing.
    never_.pause(stop, std::min(milliseconds{1'000}, settings_.lease / 5));
  }
}

void Worker::observe(const Depth& depth) {
  for (const State state :
       {State::Received, State::Ready, State::Held, State::Running, State::Retrying, State::Unknown}) {
    const auto at = depth.events.find(state);
    registry_
        .gauge("webhook_gateway_inbox_events", "Events that have not come to their end, by state.",
               {{"state", std::string{to_string(state)}}})
        .Set(at == depth.events.end() ? 0 : static_cast<double>(at->second));
  }
  registry_
      .gauge("webhook_gateway_inbox_oldest_seconds",
             "Age of the oldest event that waits for its route or its team's turn.")
      .Set(std::chrono::duration<double>{depth.oldest}.count());
}

void Worker::note_tended() {
  registry_
      .gauge("webhook_gateway_inbox_tended_timestamp_seconds",
             "When this worker was last known to the database, once it has been.")
      .Set(std::chrono::duration<double>{clock_.wall_now().time_since_epoch()}.count());
}

Status Worker::drain(const Context& ctx) {
  for (auto& thread : claimers_) thread.request_stop();
  claimers_.clear();
  Status ended = dispatcher_.drain(ctx);
  const Status settled = settler_.drain(ctx);
  keeper_ = {};
  // Also when time is up: what is not ended is to be seen as what it is, at once and not after the lease.
  const Status retired = inbox_.retire(Context{}.child(clock_, seconds{5}));
  if (!ended) return ended;
  return settled ? retired : settled;
}

}  // namespace tp::gateway
