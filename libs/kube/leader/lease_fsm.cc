#include "kube/leader/lease_fsm.h"

#include <algorithm>
#include <utility>

namespace tp::kube {

using std::chrono::milliseconds;
using Action = LeaseFsm::Action;

namespace {

// client-go's JitterFactor.
constexpr double kSpread = 1.2;

// Others wait this long for a Lease that its holder gave back, if its empty name does not tell them.
constexpr std::chrono::seconds kReleased{1};

// A record holds microseconds; more would not come back as it was written.
WallTime microseconds(WallTime time) { return std::chrono::floor<std::chrono::microseconds>(time); }

milliseconds until(SteadyTime then, SteadyTime now) {
  return std::max(milliseconds{0}, std::chrono::ceil<milliseconds>(then - now));
}

}  // namespace

Action LeaseFsm::start() {
  role_ = Role::Candidate;
  return Read{};
}

Action LeaseFsm::found(StoredLease stored, const Now& now) {
  // Another version of an equal record (somebody set a label) is no sign of life.
  if (stored.lease != seen_.lease || seen_.version == kNoLease) changed_ = now.steady;
  seen_ = std::move(stored);
  switch (role_) {
    case Role::Leader: return is_ours() && now.steady < leads_until_ ? renew(now) : end();
    case Role::Releasing: return is_ours() ? give_back(now) : end();
    case Role::Candidate: break;
    case Role::None: return End{};
  }
  // Ours without our knowing: we were not told how the write ended.
  const bool free = seen_.lease.holder.empty() || is_ours() || now.steady >= expires();
  return free ? take(now) : wait_to_take(now.steady);
}

Action LeaseFsm::missing(const Now& now) {
  seen_.version = kNoLease;
  switch (role_) {
    case Role::Leader: return now.steady < leads_until_ ? renew(now) : end();
    case Role::Candidate: return take(now);
    case Role::Releasing:
    case Role::None: break;
  }
  return end();
}

Action LeaseFsm::written(StoredLease stored, SteadyTime sent, const Now& now) {
  seen_ = std::move(stored);
  changed_ = now.steady;
  if (role_ != Role::Candidate && role_ != Role::Leader) return end();
  leads_until_ = sent + times_.renew;
  if (now.steady >= leads_until_) return role_ == Role::Leader ? end() : wait_to_take(now.steady);
  role_ = Role::Leader;
  return wait_as_holder(now.steady);
}

Action LeaseFsm::failed(ErrorCode code, const Now& now) {
  if (role_ == Role::None) return End{};
  if (role_ == Role::Candidate) return wait_to_take(now.steady);
  if (now.steady >= leads_until_) return end();
  // Not as we left it. Only a look tells whether somebody has taken it.
  if (code == ErrorCode::Conflict || code == ErrorCode::AlreadyExists || code == ErrorCode::NotFound)
    return Read{};
  return wait_as_holder(now.steady);
}

Action LeaseFsm::waited(const Now& now) {
  switch (role_) {
    case Role::Candidate: return Read{};
    case Role::Leader: return now.steady < leads_until_ ? renew(now) : end();
    case Role::Releasing: return now.steady < leads_until_ ? give_back(now) : end();
    case Role::None: break;
  }
  return End{};
}

Action LeaseFsm::release(const Now& now) {
  if (role_ != Role::Leader || now.steady >= leads_until_) return end();
  role_ = Role::Releasing;
  return give_back(now);
}

Action LeaseFsm::end() {
  role_ = Role::None;
  return End{};
}

Action LeaseFsm::take(const Now& now) const {
  Lease lease = record(now);
  if (seen_.version == kNoLease) {
    lease.transitions = 0;
  } else if (!is_ours()) {
    ++lease.transitions;
  }
  if (!is_ours()) lease.acquired = lease.renewed;
  return Write{std::move(lease), seen_.version};
}

Action LeaseFsm::renew(const Now& now) const { return Write{record(now), seen_.version}; }

Action LeaseFsm::give_back(const Now& now) const {
  Lease lease = record(now);
  lease.holder.clear();
  lease.duration = kReleased;
  lease.acquired = lease.renewed;
  return Write{std::move(lease), seen_.version};
}

Action LeaseFsm::wait_to_take(SteadyTime now) {
  const double part = 1 / kSpread + (1 - 1 / kSpread) * rng_.uniform();
  const milliseconds pause{static_cast<milliseconds::rep>(static_cast<double>(times_.retry.count()) * part)};
  const milliseconds left = until(expires(), now);
  return Wait{left > milliseconds{0} ? std::min(pause, left) : pause};
}

Action LeaseFsm::wait_as_holder(SteadyTime now) const {
  return Wait{std::min(times_.retry, until(leads_until_, now))};
}

SteadyTime LeaseFsm::expires() const noexcept {
  const milliseconds wanted{seen_.lease.duration};
  return changed_ + (wanted > milliseconds{0} ? wanted : times_.lease);
}

// What is there, as ours.
Lease LeaseFsm::record(const Now& now) const {
  Lease lease = seen_.lease;
  lease.holder = identity_;
  lease.duration = std::chrono::ceil<std::chrono::seconds>(times_.lease);
  lease.renewed = microseconds(now.wall);
  return lease;
}

}  // namespace tp::kube
