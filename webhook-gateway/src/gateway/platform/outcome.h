#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "base/backoff.h"
#include "base/random.h"
#include "http/client.h"

// What became of a run, and what to do then. Pure. The rule: a run is started once. An attempt that certainly
// reached nobody is tried again at will; one that may have run is tried once more at most, and only after
// asking whether it ran, where the answer can tell.
namespace tp::gateway {

enum class OutcomeKind : std::uint8_t {
  Finished,      // the agent answered 2xx: it ran, well or not
  Refused,       // nobody acted on it: not connected, 429, 503, or 401 to a new token
  RefusedToken,  // 401 to a token that was kept: with a new one it may do
  Rejected,      // it can never work: another 4xx, a redirect, a request that cannot be sent
  Cut,           // the peer gave up on it, perhaps in the middle of the run: closed, or 5xx but 503
  Unknown,       // we gave up on it, or died: it may be running still
};

struct Outcome {
  OutcomeKind kind = OutcomeKind::Unknown;
  bool success = false;  // of Finished: what the agent says itself
  int status = 0;        // 0: no answer
  std::optional<std::chrono::milliseconds> retry_after{};

  // A short word for people and metrics: "finished", "failed", "not_connected", "http_503", "token_refused",
  // "peer_closed", "deadline", "stopped", "answer_too_large", "invalid_request". A closed set but for the
  // status.
  [[nodiscard]] std::string reason() const;

  std::string_view cause{};  // of what has no status; a literal

  friend bool operator==(const Outcome&, const Outcome&) = default;
};

// `token_was_fresh`: the team's token was minted for this attempt.
[[nodiscard]] Outcome classify(const http::Exchange& exchange, bool token_was_fresh);

// Where an event stands when an attempt has ended.
struct Attempts {
  unsigned made = 1;                         // this one included
  unsigned uncertain = 0;                    // those of them that ended Cut or Unknown, this one included
  std::chrono::milliseconds age{0};          // of the event
  std::chrono::milliseconds since_start{0};  // of this attempt
};

struct RetryBudget {
  std::chrono::milliseconds max_age{std::chrono::hours{6}};        // no attempt begins later
  std::chrono::milliseconds run_limit{std::chrono::seconds{310}};  // how long a run can take, with its answer
  Backoff backoff{std::chrono::seconds{2}, std::chrono::minutes{5}};
};

struct Done {
  bool success = true;
};
struct Retry {
  std::chrono::milliseconds after{0};
  bool new_token = false;  // forget the one that is kept
};
struct Dead {
  std::string reason;  // as Outcome::reason(), or "too_old"
};
// Ask the audit for a run of ours after so long, then after_audit().
struct AwaitAudit {
  std::chrono::milliseconds after{0};
};
using NextStep = std::variant<Done, Retry, Dead, AwaitAudit>;

[[nodiscard]] NextStep next_step(const Outcome& outcome,
                                 const Attempts& attempts,
                                 const RetryBudget& budget,
                                 Rng& rng);
// After AwaitAudit: whether a run was found. When the audit cannot be asked, ask again later; not this.
[[nodiscard]] NextStep after_audit(bool found, const Attempts& attempts, const RetryBudget& budget);

}  // namespace tp::gateway
