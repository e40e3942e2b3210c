#include "kube/runtime/reflector_fsm.h"

#include <algorithm>
#include <compare>
#include <utility>

#include "kube/core/resource.h"

namespace tp::kube {

using Action = ReflectorFsm::Action;

Action ReflectorFsm::start(SteadyTime now) {
  resource_version_.clear();
  return list(Reason::Start, now);
}

Action ReflectorFsm::page_done(std::string_view resource_version,
                               std::string_view continue_token,
                               SteadyTime now) {
  if (!continue_token.empty()) return ListPage{std::string{continue_token}};
  resource_version_ = resource_version;
  return follow(now);
}

ReflectorFsm::Verdict ReflectorFsm::event(WatchEventType type,
                                          std::string_view resource_version,
                                          bool initial_events_end) {
  shown_ = true;
  if (phase_ == Phase::InitialEvents) {
    // They come in the order of names; only the mark says how far we are.
    if (type != WatchEventType::Bookmark || !initial_events_end) return Verdict::Deliver;
    resource_version_ = resource_version;
    phase_ = Phase::Following;
    return Verdict::Complete;
  }
  if (std::is_lt(compare_resource_versions(resource_version, resource_version_))) {
    went_back_ = true;
    return Verdict::WentBack;
  }
  resource_version_ = resource_version;
  return Verdict::Deliver;
}

Action ReflectorFsm::stream_done(SteadyTime now) {
  if (phase_ == Phase::InitialEvents) {
    watch_list_ = false;
    return list(Reason::Refused, now);
  }
  const auto lasted = now - opened_;
  if (!shown_ && lasted < times_.short_watch) {
    return failed(Error{ErrorCode::Unavailable, "watch ended at once and showed nothing"}, now);
  }
  // A server that shuts down ends its streams in good order too, and may come back with another history.
  if (lasted < timeout_ - times_.early) return probe();
  return follow(now);
}

Action ReflectorFsm::probe_done(std::string_view resource_version, SteadyTime now) {
  if (std::is_lt(compare_resource_versions(resource_version, resource_version_)))
    return list(Reason::WentBack, now);
  return follow(now);
}

Action ReflectorFsm::failed(const Error& error, SteadyTime now) {
  const Phase phase = std::exchange(phase_, Phase::Idle);
  if (phase == Phase::InitialEvents && error.code == ErrorCode::InvalidArgument) {
    watch_list_ = false;
    return list(Reason::Refused, now);
  }
  if (error.code == ErrorCode::Expired)
    return expired(std::exchange(went_back_, false) ? Reason::WentBack : Reason::Expired, now);
  if (error.code == ErrorCode::NotFound) resource_version_.clear();
  return pause(error, now);
}

Action ReflectorFsm::pause_done(SteadyTime now) {
  if (resource_version_.empty()) return list(pending_, now);
  return probe();
}

// A full listing, from the server's newest state.
Action ReflectorFsm::list(Reason reason, SteadyTime now) {
  reason_ = reason;
  resource_version_.clear();
  if (watch_list_) return open(true, now);
  phase_ = Phase::Paging;
  return ListPage{};
}

Action ReflectorFsm::follow(SteadyTime now) { return open(false, now); }

Action ReflectorFsm::probe() {
  phase_ = Phase::Probing;
  return Probe{};
}

// At once, whatever failed before: what has expired says nothing about how the server is. Only a server that
// lets one listing expire after the other is not asked in a tight loop.
Action ReflectorFsm::expired(Reason reason, SteadyTime now) {
  resource_version_.clear();
  const auto before = std::exchange(expired_, now);
  if (!before || now - *before > times_.quiet) return list(reason, now);
  Action pausing = pause(Error{ErrorCode::Expired, {}}, now);
  pending_ = reason;
  return pausing;
}

Action ReflectorFsm::pause(const Error& error, SteadyTime now) {
  phase_ = Phase::Pausing;
  pending_ = Reason::Failed;
  if (now - last_failure_ > times_.quiet) failures_ = 0;
  last_failure_ = now;
  ++failures_;
  const auto wanted =
      std::min(error.retry_after.value_or(std::chrono::milliseconds{0}), times_.longest_retry_after);
  const auto at_least = std::max(times_.backoff.delay(1, rng_), wanted);
  return Pause{at_least, std::max(times_.backoff.delay(failures_, rng_), at_least)};
}

ReflectorFsm::WatchFrom ReflectorFsm::open(bool initial_events, SteadyTime now) {
  phase_ = initial_events ? Phase::InitialEvents : Phase::Following;
  opened_ = now;
  shown_ = false;
  went_back_ = false;
  const auto spread = static_cast<double>((times_.watch_max - times_.watch_min).count() + 1);
  timeout_ = times_.watch_min + std::chrono::seconds{static_cast<int>(rng_.uniform() * spread)};
  return WatchFrom{resource_version_, initial_events, timeout_};
}

std::string_view to_string(ReflectorFsm::Phase phase) noexcept {
  using Phase = ReflectorFsm::Phase;
  switch (phase) {
    case Phase::Idle: return "idle";
    case Phase::InitialEvents: return "initial_events";
    case Phase::Paging: return "paging";
    case Phase::Following: return "following";
    case Phase::Probing: return "probing";
    case Phase::Pausing: return "pausing";
  }
  return "unknown";
}

std::string_view to_string(ReflectorFsm::Reason reason) noexcept {
  using Reason = ReflectorFsm::Reason;
  switch (reason) {
    case Reason::Start: return "start";
    case Reason::Refused: return "watch_list_refused";
    case Reason::Expired: return "expired";
    case Reason::WentBack: return "went_back";
    case Reason::Failed: return "failed";
  }
  return "unknown";
}

}  // namespace tp::kube
