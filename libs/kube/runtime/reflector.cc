#include "kube/runtime/reflector.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <variant>

#include "base/thread_name.h"
#include "kube/core/list_decoder.h"
#include "kube/core/status_error.h"
#include "kube/core/watch_decoder.h"
#include "kube/core/watch_event.h"

namespace tp::kube {
namespace {

// One tenant's broken object may change often; ten lines a stream show it without filling the log.
constexpr unsigned kLoggedSkips = 10;

// A version that every history is past.
constexpr std::string_view kBeforeAll = "0";

template <class... F>
struct Overloaded : F... {
  using F::operator()...;
};
template <class... F>
Overloaded(F...) -> Overloaded<F...>;

std::string resource_name(const ResourceType& type) {
  std::string name{type.plural};
  if (!type.group.empty()) name.append(".").append(type.group);
  return name;
}

}  // namespace

Reflector::Reflector(ApiClient& api,
                     Selection selection,
                     Collection& collection,
                     Recovery& recovery,
                     const Clock& clock,
                     Rng& rng,
                     const log::Logger& logger,
                     metrics::Registry& registry,
                     const ReflectorOptions& options)
    : api_(api),
      selection_(std::move(selection)),
      resource_(resource_name(selection_.type)),
      collection_(collection),
      recovery_(recovery),
      clock_(clock),
      logger_(logger.with({"resource", resource_})),
      options_(options),
      last_progress_seconds_(registry.gauge("kube_watch_last_progress_timestamp_seconds",
                                            "When anything last came for this resource.",
                                            {{"resource", resource_}})),
      failures_(registry.counter("kube_watch_failures_total",
                                 "Listings, streams and probes that failed.",
                                 {{"resource", resource_}})),
      skipped_(registry.counter("kube_watch_skipped_objects_total",
                                "Objects and events that could not be read.",
                                {{"resource", resource_}})),
      missing_(registry.gauge("kube_watch_resource_missing",
                              "1 while the server does not know the resource.",
                              {{"resource", resource_}})),
      fsm_(rng, options.times) {
  for (std::size_t i = 0; i < listings_.size(); ++i) {
    const auto reason = static_cast<ReflectorFsm::Reason>(i);
    listings_.at(i) =
        &registry.counter("kube_watch_listings_total", "Full listings begun, by reason.",
                          {{"resource", resource_}, {"reason", std::string{to_string(reason)}}});
  }
}

Reflector::~Reflector() { stop(); }

void Reflector::start() {
  last_progress_.store(clock_.now().time_since_epoch().count(), std::memory_order_relaxed);
  state_.store(State::Listing, std::memory_order_relaxed);
  thread_ = std::jthread{[this](const std::stop_token& stop) {
    set_thread_name("watch-" + std::string{selection_.type.plural});
    run(stop);
  }};
}

void Reflector::stop() {
  thread_.request_stop();
  if (thread_.joinable()) thread_.join();
  state_.store(State::Stopped, std::memory_order_relaxed);
}

SteadyTime Reflector::last_progress() const noexcept {
  return SteadyTime{SteadyTime::duration{last_progress_.load(std::memory_order_relaxed)}};
}

SteadyTime Reflector::last_active() const noexcept {
  const SteadyTime failed{SteadyTime::duration{last_failure_.load(std::memory_order_relaxed)}};
  return std::max(last_progress(), failed);
}

void Reflector::run(const std::stop_token& stop) {
  Action action = fsm_.start(clock_.now());
  while (!stop.stop_requested()) {
    action = std::visit(Overloaded{
                            [&](const ReflectorFsm::ListPage& a) { return page(stop, a); },
                            [&](const ReflectorFsm::WatchFrom& a) { return watch(stop, a); },
                            [&](const ReflectorFsm::Probe&) { return probe(stop); },
                            [&](const ReflectorFsm::Pause& a) { return pause(stop, a); },
                        },
                        // A copy: the variant is assigned while the alternative that it holds is in use.
                        Action{action});
  }
}

Reflector::Action Reflector::page(const std::stop_token& stop, const ReflectorFsm::ListPage& action) {
  if (action.continue_token.empty()) begin_listing();
  logged_skips_ = 0;
  ListDecoder decoder{options_.object_bytes};
  ListQuery query;
  query.limit = options_.page_size;
  query.continue_token = action.continue_token;
  const Status status =
      api_.stream(Context{stop}.child(clock_, options_.times.page), "list", selection_,
                  list_request(selection_, query), [&](std::string_view bytes) {
                    arrived();
                    return decoder.feed(bytes, [this](std::string_view text) { item(text); });
                  });
  if (!status) return fail(status.error());
  const Result<ListMetadata> metadata = decoder.finish();
  if (!metadata) return fail(metadata.error());
  progressed();
  if (metadata->continue_token.empty()) collection_.end_replace(metadata->resource_version);
  return fsm_.page_done(metadata->resource_version, metadata->continue_token, clock_.now());
}

Reflector::Action Reflector::watch(const std::stop_token& stop, const ReflectorFsm::WatchFrom& action) {
  if (action.initial_events) begin_listing();
  if (!action.initial_events) state_.store(State::Watching, std::memory_order_relaxed);
  logged_skips_ = 0;
  WatchDecoder decoder{options_.object_bytes};
  const WatchQuery query{action.resource_version, action.timeout, action.initial_events};
  const auto on_bytes = [&](std::string_view bytes) -> Status {
    arrived();
    TP_TRY(decoder.feed(bytes));
    Status status = ok();
    decoder.drain([&](std::string_view text) {
      if (status) status = line(text);
    });
    return status;
  };
  const Context ctx = Context{stop}.child(clock_, action.timeout + options_.times.grace);
  const Status status = api_.stream(ctx, "watch", selection_, watch_request(selection_, query), on_bytes);
  if (!status) return fail(status.error());
  if (decoder.mid_line()) return fail(Error{ErrorCode::Unavailable, "watch ended in the middle of an event"});
  return fsm_.stream_done(clock_.now());
}

Reflector::Action Reflector::probe(const std::stop_token& stop) {
  ListDecoder decoder{options_.object_bytes};
  ListQuery query;
  query.limit = 1;
  const Status status = api_.stream(Context{stop}.child(clock_, options_.times.probe), "list", selection_,
                                    list_request(selection_, query), [&](std::string_view bytes) {
                                      arrived();
                                      return decoder.feed(bytes, [](std::string_view) {});
                                    });
  if (!status) return fail(status.error());
  const Result<ListMetadata> metadata = decoder.finish();
  if (!metadata) return fail(metadata.error());
  return fsm_.probe_done(history_changed() ? kBeforeAll : metadata->resource_version, clock_.now());
}

Reflector::Action Reflector::pause(const std::stop_token& stop, const ReflectorFsm::Pause& action) {
  state_.store(known_missing_ ? State::Missing : State::Waiting, std::memory_order_relaxed);
  recovery_.pause(stop, action.at_least, action.at_most);
  return fsm_.pause_done(clock_.now());
}

// One line of a watch stream. An Error ends the stream.
Status Reflector::line(std::string_view text) {
  // TLS vouches for the bytes, so what cannot be read now cannot be read later either: asking again would
  // only stop the stream at this object for ever.
  const Status parsed = document_.parse(text, {.bytes = options_.object_bytes});
  if (!parsed) {
    skipped(parsed.error());
    return ok();
  }
  const Result<WatchEvent> event = read_watch_event(document_.root());
  if (!event) {
    skipped(event.error());
    return ok();
  }
  return deliver(*event);
}

Status Reflector::deliver(const WatchEvent& event) {
  if (event.type == WatchEventType::Error) return error_from_status(event.object);
  const bool outdated = fsm_.phase() == ReflectorFsm::Phase::Following && history_changed();
  switch (fsm_.event(event.type, outdated ? kBeforeAll : event.resource_version, event.initial_events_end)) {
    case ReflectorFsm::Verdict::WentBack:
      return Error{ErrorCode::Expired, "resourceVersion went back to " + std::string{event.resource_version}};
    case ReflectorFsm::Verdict::Complete:
      collection_.end_replace(event.resource_version);
      state_.store(State::Watching, std::memory_order_relaxed);
      progressed();
      return ok();
    case ReflectorFsm::Verdict::Deliver: break;
  }
  Status status = ok();
  switch (event.type) {
    case WatchEventType::Added:
    case WatchEventType::Modified: status = collection_.upsert(event.object); break;
    case WatchEventType::Deleted: status = collection_.remove(event.object); break;
    case WatchEventType::Bookmark: collection_.progress(event.resource_version); break;
    case WatchEventType::Error: break;  // above
  }
  if (!status) skipped(status.error());
  progressed();
  return ok();
}

void Reflector::item(std::string_view text) {
  Status status = document_.parse(text, {.bytes = options_.object_bytes});
  if (status) status = collection_.upsert(document_.root());
  if (!status) skipped(status.error());
}

Reflector::Action Reflector::fail(const Error& error) {
  report(error.code);
  const std::uint64_t returns = recovery_.returns();
  if (std::exchange(returns_, returns) != returns) fsm_.server_returned();
  Action next = fsm_.failed(error, clock_.now());
  if (error.code == ErrorCode::Cancelled) return next;
  failures_.Increment();
  last_failure_.store(clock_.now().time_since_epoch().count(), std::memory_order_relaxed);
  if (error.code == ErrorCode::NotFound) {
    if (!std::exchange(known_missing_, true)) {
      missing_.Set(1);
      logger_.info("the server does not know this resource (yet); waiting for it", {{"error", error}});
    }
    return next;
  }
  if (const auto* const wait = std::get_if<ReflectorFsm::Pause>(&next)) {
    if (std::exchange(trouble_, error.code) == error.code) {
      logger_.debug("watch failed again", {{"error", error}, {"pause_ms", wait->at_most.count()}});
    } else {
      logger_.warn("watch failed, trying again until it works", {{"error", error}});
    }
  } else {
    logger_.info("listing anew", {{"reason", to_string(fsm_.reason())}, {"error", error}});
  }
  return next;
}

// What a failure says about the server as a whole.
void Reflector::report(ErrorCode code) {
  switch (code) {
    case ErrorCode::Unavailable:
    case ErrorCode::DeadlineExceeded: recovery_.failed(); break;
    case ErrorCode::InvalidArgument:
    case ErrorCode::PermissionDenied:
    case ErrorCode::NotFound:
    case ErrorCode::Expired: recovery_.succeeded(); break;
    default: break;  // may come from either side
  }
}

// Somebody else has found that etcd was restored. What we see may look right all the same: see recovery.h.
bool Reflector::history_changed() const { return recovery_.history() != history_; }

void Reflector::begin_listing() {
  if (fsm_.reason() == ReflectorFsm::Reason::WentBack) recovery_.history_went_back(history_);
  history_ = recovery_.history();
  state_.store(known_missing_ ? State::Missing : State::Listing, std::memory_order_relaxed);
  listings_.at(static_cast<std::size_t>(fsm_.reason()))->Increment();
  collection_.begin_replace();
}

// Bytes of a 200 came.
void Reflector::arrived() {
  recovery_.succeeded();
  if (std::exchange(trouble_, {})) logger_.info("the server answers again");
  if (std::exchange(known_missing_, false)) {
    missing_.Set(0);
    logger_.info("the server knows this resource now");
  }
}

void Reflector::progressed() {
  last_progress_.store(clock_.now().time_since_epoch().count(), std::memory_order_relaxed);
  const auto seconds = std::chrono::duration<double>(clock_.wall_now().time_since_epoch());
  last_progress_seconds_.Set(seconds.count());
}

void Reflector::skipped(const Error& error) {
  skipped_.Increment();
  if (logged_skips_++ < kLoggedSkips) logger_.error("object skipped, it cannot be read", {{"error", error}});
}

std::string_view to_string(Reflector::State state) noexcept {
  switch (state) {
    case Reflector::State::Stopped: return "stopped";
    case Reflector::State::Listing: return "listing";
    case Reflector::State::Watching: return "watching";
    case Reflector::State::Waiting: return "waiting";
    case Reflector::State::Missing: return "missing";
  }
  return "unknown";
}

}  // namespace tp::kube
