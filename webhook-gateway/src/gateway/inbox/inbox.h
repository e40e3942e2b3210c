#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/context.h"
#include "base/mutex.h"
#include "base/result.h"
#include "gateway/event/event.h"
#include "gateway/inbox/allowance.h"
#include "postgres/pool.h"

// The worker's side of the inbox. docs/inbox.md has the states and their changes.
namespace tp::gateway {

// An event that this worker holds. The fence tells this claim from every other one of the same event: an
// answer with an old fence changes nothing.
struct Claim {
  EventId id;
  std::int64_t fence = 0;

  friend bool operator==(const Claim&, const Claim&) = default;
};

struct ClaimedEvent {
  Claim claim;
  StoredEvent event;
  int failures = 0;                        // refused tries in a row
  int attempts = 0;                        // POSTs begun
  int uncertain = 0;                       // of them, those whose outcome nobody knew
  std::chrono::milliseconds age{0};        // since its arrival, or since it was replayed
  std::chrono::milliseconds retry_for{0};  // how long it may still be retried; of a routed event
};

// What one turn of one team brought.
struct TeamClaim {
  std::string org_id;
  std::string team_node_id;
  std::vector<ClaimedEvent> events;
  std::string runtime_url;  // of the team's own, ready agent, as its TeamProvisioning says; empty: none
};

// An event whose run may or may not have taken place.
struct UnknownRun {
  ClaimedEvent claimed;
  std::string org_id;
  std::string team_node_id;
  WallTime started_at{};  // of its first attempt
};

struct Route {
  Claim claim;
  std::string org_id;
  std::string team_node_id;
  std::chrono::seconds retry_for{0};  // from its arrival, or its replay
};

// Held is Ready in a team that may not start a run now: told of the team, so that a flood costs no writes.
enum class State : std::uint8_t {
  Received,
  Ready,
  Held,
  Running,
  Retrying,
  Unknown,
  Done,
  Ignored,
  Unrouted,
  Dead
};

[[nodiscard]] std::string_view to_string(State state) noexcept;
[[nodiscard]] std::optional<State> parse_state(std::string_view name) noexcept;
[[nodiscard]] constexpr bool is_final(State state) noexcept { return state >= State::Done; }

// How a claim ends.
struct Settlement {
  Claim claim;
  State state = State::Done;           // any but Held and Running
  std::string reason{};                // a short word
  std::chrono::milliseconds delay{0};  // before it is due again; of a state that is not final
  bool failed = false;                 // one more refused try in a row
  bool uncertain = false;              // one more POST whose outcome nobody knows
  // Of the attempt that ends with it, if one was begun:
  std::string outcome{};
  std::optional<int> http_status{};
  std::string detail{};  // for people; never with a secret
};

struct Depth {
  std::map<State, std::int64_t> events;  // that are not ended
  std::chrono::milliseconds oldest{0};   // age of the oldest that could be worked on
};

// Thread-safe. Failures are the database's (postgres/connection.h). After one, all, some or nothing of the
// call may have taken effect; to call again with the same arguments is right then, and does nothing twice.
class Inbox {
 public:
  // `worker` is a UUID of this process. A claim is good for `lease` after the last heartbeat.
  Inbox(postgres::Pool& pool, std::string worker, std::string host, std::chrono::milliseconds lease);

  // Says that this worker is alive. Without it nothing can be claimed. Also gives back what claims took whose
  // answer was lost, on the way or by a deadline.
  [[nodiscard]] Status heartbeat(const Context& ctx);
  // Takes back what dead workers had claimed: events without an open attempt are ready again, the others
  // unknown until their run must be over. Answers how many.
  [[nodiscard]] Result<std::size_t> reap(const Context& ctx);
  // At the end of the process: gives back what it still holds, as reap() would.
  [[nodiscard]] Status retire(const Context& ctx);

  // New events, oldest first, to be routed.
  [[nodiscard]] Result<std::vector<ClaimedEvent>> claim_received(const Context& ctx,
                                                                 Lane lane,
                                                                 std::size_t most);
  // Routed events wait for their team's turn.
  [[nodiscard]] Status route(const Context& ctx, const std::vector<Route>& routes);
  // The team that has waited longest for its turn, and as many of its events as its limits, controls and
  // orders allow and `most` does. Nothing when no team is due; a claim without events when its turn brought
  // none.
  [[nodiscard]] Result<std::optional<TeamClaim>> claim_team(const Context& ctx,
                                                            const TeamLimits& limits,
                                                            std::size_t most);
  // Before the POST: records an attempt of each and answers those that are still ours. `run_limit` is how
  // long the run can take; after that it is over, whatever became of us.
  struct Begin {
    Claim claim;
    std::string agent;  // host and port
    std::chrono::milliseconds run_limit{0};
  };
  [[nodiscard]] Result<std::vector<EventId>> begin_attempts(const Context& ctx,
                                                            const std::vector<Begin>& begins);
  // Runs that must be over and whose outcome is to be looked up.
  [[nodiscard]] Result<std::vector<UnknownRun>> claim_unknown(const Context& ctx, std::size_t most);
  // Ends claims, each once. One whose fence is old is left out.
  [[nodiscard]] Status settle(const Context& ctx, const std::vector<Settlement>& settlements);

  // Counts deliveries of events that were stored before. One of an event that is dead makes it new again,
  // because GitHub's "redeliver" button is how people ask for that.
  [[nodiscard]] Status count_duplicates(const Context& ctx);
  // Gives a turn to every team that waits for a change and has events that are due. Whatever changes a team's
  // state wakes it by itself; this is for changes made by hand, and for what we may have overlooked.
  [[nodiscard]] Status wake_forgotten(const Context& ctx);
  // Partitions and retention.
  [[nodiscard]] Status maintain(const Context& ctx, int payload_days, int event_days);
  [[nodiscard]] Result<Depth> depth(const Context& ctx);

 private:
  // Runs one call that claims, with a number of its own.
  template <class F>
  auto claim(F&& f) -> decltype(f(std::int64_t{}));

  postgres::Pool& pool_;
  const std::string worker_;
  const std::string host_;
  const std::chrono::milliseconds lease_;
  std::atomic<std::int64_t> claims_{0};
  Mutex m_;
  std::map<std::int64_t, int> lost_
      TP_GUARDED_BY(m_);  // numbers of claims, and how often yet to give them back
};

}  // namespace tp::gateway
