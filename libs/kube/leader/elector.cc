#include "kube/leader/elector.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "base/thread_name.h"
#include "json/document.h"

namespace tp::kube {
namespace {

Result<StoredLease> parse(const std::string& text) {
  json::Document document;
  TP_TRY(document.parse(text));
  return read_lease(document.root());
}

}  // namespace

Elector::Elector(ApiClient& api,
                 Election election,
                 http::WriteGate& gate,
                 const Clock& clock,
                 Rng& rng,
                 const log::Logger& logger,
                 metrics::Registry& registry)
    : api_(api),
      election_(std::move(election)),
      gate_(gate),
      clock_(clock),
      logger_(logger.with({"lease", election_.lease.str()}).with({"identity", election_.identity})),
      master_(registry.gauge("leader_election_master_status",
                             "1 while this process is the leader.",
                             {{"name", election_.lease.name}})),
      slow_path_(registry.counter("leader_election_slowpath_total",
                                  "Renewals that had to read the Lease first.",
                                  {{"name", election_.lease.name}})),
      fsm_(election_.identity, election_.times, rng) {}

Elector::~Elector() = default;

void Elector::stand() {
  // The end of the former term may be known before its thread has said so.
  thread_ = {};
  {
    const MutexLock lock{m_};
    state_ = State::Standing;
  }
  thread_ = std::jthread{[this](const std::stop_token& stop) {
    set_thread_name("elector");
    run(stop);
  }};
}

bool Elector::wait_until_leader(const std::stop_token& stop) {
  const MutexLock lock{m_};
  changed_.wait(m_, stop, [this]() TP_REQUIRES(m_) { return state_ != State::Standing; });
  return state_ == State::Leading;
}

bool Elector::wait_until_lost(const std::stop_token& stop) {
  const MutexLock lock{m_};
  return changed_.wait(m_, stop, [this]() TP_REQUIRES(m_) { return state_ != State::Leading; });
}

void Elector::release() {
  {
    const MutexLock lock{m_};
    release_ = true;
    gate_.shut();
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void Elector::run(const std::stop_token& stop) {
  Action action = fsm_.start();
  bool releasing = false;
  while (!stop.stop_requested() && !std::holds_alternative<LeaseFsm::End>(action)) {
    // Between two steps, never in the middle of a call: whether it has the Lease depends on how that ends.
    if (!releasing && is_to_release()) {
      releasing = true;
      if (fsm_.leading()) logger_.info("gives the lease back");
      action = fsm_.release(now());
    } else {
      action = perform(stop, action);
    }
    publish();
  }
  gate_.shut();
  {
    const MutexLock lock{m_};
    state_ = State::Over;
  }
  changed_.notify_all();
}

Elector::Action Elector::perform(const std::stop_token& stop, const Action& action) {
  if (std::holds_alternative<LeaseFsm::Read>(action)) return read(call(stop));
  if (const auto* const wanted = std::get_if<LeaseFsm::Write>(&action)) return write(call(stop), *wanted);
  pause(stop, std::get<LeaseFsm::Wait>(action));
  return fsm_.waited(now());
}

Elector::Action Elector::read(const Context& ctx) {
  if (fsm_.leading()) slow_path_.Increment();
  const auto text = api_.get(ctx, kLeases, election_.lease);
  if (!text && text.error().code == ErrorCode::NotFound) return fsm_.missing(now());
  if (!text) return fail(text.error());
  auto stored = parse(*text);
  if (!stored) return fail(stored.error());
  Action next = fsm_.found(*std::move(stored), now());
  note_holder();
  return next;
}

Elector::Action Elector::write(const Context& ctx, const LeaseFsm::Write& action) {
  const SteadyTime sent = clock_.now();
  const auto applied =
      api_.apply(ctx, kLeases, election_.lease, lease_body(election_.lease, action.lease, action.version),
                 {.field_manager = election_.field_manager});
  if (!applied) return fail(applied.error());
  auto stored = parse(applied->object);
  if (!stored) return fail(stored.error());
  if (std::exchange(failing_, false)) logger_.info("the lease can be written again");
  return fsm_.written(*std::move(stored), sent, now());
}

Elector::Action Elector::fail(const Error& error) {
  // Somebody else was faster: that is what the version is for.
  const bool raced = error.code == ErrorCode::Conflict || error.code == ErrorCode::AlreadyExists;
  if (!raced && error.code != ErrorCode::Cancelled && !std::exchange(failing_, true))
    logger_.warn("cannot read or write the lease; trying again", {{"error", error}});
  return fsm_.failed(error.code, now());
}

void Elector::pause(const std::stop_token& stop, const LeaseFsm::Wait& action) {
  const MutexLock lock{m_};
  const bool already = release_;
  changed_.wait_for(m_, stop, action.time, [&]() TP_REQUIRES(m_) { return release_ != already; });
}

// What the last step has come to.
void Elector::publish() {
  const bool leads = fsm_.leading();
  {
    const MutexLock lock{m_};
    if (leads && !release_) gate_.open_until(fsm_.leads_until());
    if (leads == (state_ == State::Leading)) return;
    if (!leads) gate_.shut();
    state_ = leads ? State::Leading : State::Over;
  }
  master_.Set(leads ? 1 : 0);
  logger_.info(leads ? "became leader" : "is leader no more");
  changed_.notify_all();
}

void Elector::note_holder() {
  if (fsm_.holder() == known_holder_) return;
  known_holder_ = fsm_.holder();
  if (known_holder_ != election_.identity && !known_holder_.empty())
    logger_.info("another process is the leader", {{"leader", known_holder_}});
}

bool Elector::is_to_release() {
  const MutexLock lock{m_};
  return release_;
}

// A leader's call ends when its time does: nothing that comes later counts.
Context Elector::call(const std::stop_token& stop) const {
  Context ctx = Context{stop}.child(clock_, election_.times.renew / 2);
  if (fsm_.leading()) ctx.deadline = std::min(ctx.deadline, fsm_.leads_until());
  return ctx;
}

}  // namespace tp::kube
