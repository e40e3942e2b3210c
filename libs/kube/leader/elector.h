#pragma once

#include <cstdint>
#include <stop_token>
#include <string>
#include <thread>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/random.h"
#include "http/write_gate.h"
#include "kube/client/api_client.h"
#include "kube/leader/lease_fsm.h"
#include "log/log.h"
#include "metrics/metrics.h"

namespace tp::kube {

struct Election {
  ObjectKey lease{};
  std::string identity{};  // nobody else's, ever: two processes of one name would both lead
  std::string field_manager{};
  LeaseTimes times{};
};

// Takes part in the election for one Lease, with one thread: LeaseFsm says what to do. A process does, again
// and again:
//
//   elector.stand();
//   if (elector.wait_until_leader(stop)) work until wait_until_lost(stop) or the end, then stop the workers
//
// and at its end, when its workers have ended, release(), so that another one need not wait for the Lease to
// expire. Until then it is renewed, also while the workers come to their end. An election that was lost is
// over: only the next stand() begins another one, so there is no leader whose workers still follow an earlier
// call.
//
// The gate is open while this process may write, and shuts by itself when the renewals fail. Who leads is no
// more than very likely the only one: a request that had begun before the gate shut may still arrive.
//
// The ApiClient must be the elector's own (not behind the gate, and with connections of its own), so that a
// queue of other requests never delays a renewal. Every call has half of the renew deadline, so one that
// hangs leaves time for another one. No answer of the API server is fatal.
//
// Metrics, with the label name (the Lease's), as controller-runtime has them:
//   leader_election_master_status    1 while this process leads
//   leader_election_slowpath_total   renewals that had to read the Lease first
//
// Thread-safe but for stand() and release(), which are for one thread.
class Elector {
 public:
  // All references must outlive this.
  Elector(ApiClient& api,
          Election election,
          http::WriteGate& gate,
          const Clock& clock,
          Rng& rng,
          const log::Logger& logger,
          metrics::Registry& registry);
  // Without a release: the Lease expires.
  ~Elector();
  Elector(const Elector&) = delete;
  Elector& operator=(const Elector&) = delete;

  void stand();
  // True once this process leads; false when `stop` came first, or the election was over before anybody
  // looked.
  [[nodiscard]] bool wait_until_leader(const std::stop_token& stop) TP_EXCLUDES(m_);
  // True once it leads no more; false when `stop` came first.
  bool wait_until_lost(const std::stop_token& stop) TP_EXCLUDES(m_);
  // Shuts the gate, gives the Lease back if this process has it, and joins. Takes no longer than the renew
  // deadline.
  void release() TP_EXCLUDES(m_);

 private:
  enum class State : std::uint8_t { Standing, Leading, Over };
  using Action = LeaseFsm::Action;

  void run(const std::stop_token& stop);
  Action perform(const std::stop_token& stop, const Action& action);
  Action read(const Context& ctx);
  Action write(const Context& ctx, const LeaseFsm::Write& action);
  Action fail(const Error& error);
  void pause(const std::stop_token& stop, const LeaseFsm::Wait& action) TP_EXCLUDES(m_);
  void publish() TP_EXCLUDES(m_);
  void note_holder();
  [[nodiscard]] bool is_to_release() TP_EXCLUDES(m_);
  [[nodiscard]] Context call(const std::stop_token& stop) const;
  [[nodiscard]] LeaseFsm::Now now() const { return {clock_.now(), clock_.wall_now()}; }

  ApiClient& api_;
  const Election election_;
  http::WriteGate& gate_;
  const Clock& clock_;
  const log::Logger logger_;
  metrics::Gauge& master_;
  metrics::Counter& slow_path_;

  // Of the thread.
  LeaseFsm fsm_;
  bool failing_ = false;  // and has said so
  std::string known_holder_;

  Mutex m_;
  CondVar changed_;
  State state_ TP_GUARDED_BY(m_) = State::Over;
  bool release_ TP_GUARDED_BY(m_) = false;  // is asked for

  std::jthread thread_;  // last: it uses everything above
};

}  // namespace tp::kube
