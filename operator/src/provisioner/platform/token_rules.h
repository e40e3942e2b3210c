#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "domain/team_provisioning.h"

// The team token: what to do next, so that after any crash exactly one live token of ours is left, and the
// Secret holds it. PURE.
//
// The service's answer is the only copy of a token, it answers before it commits, and it gives no name to a
// token that we could look for. So before one is asked for, the intent is written into the resource's status,
// with the ids that are live then; whatever our own principal is found to have issued since, and that neither
// the Secret nor our memory knows, is the leftover of an interrupted try, and is revoked.
namespace tp::provisioner {

// A token as the service lists it; the revoked ones are left out.
struct LiveToken {
  std::string id;
  WallTime issued_at{};
  std::string issued_by{};
};

struct TokenFacts {
  domain::TokenSpec spec{};
  std::string rotate{};          // annotation kRotateToken
  domain::TokenStatus memory{};  // status.token as of now
  std::string held{};           // id of the token in the Secret; empty: there is none, or somebody changed it
  bool intent_written = false;  // in this pass: a token may be asked for
  bool issued = false;          // in this pass
  std::optional<std::vector<LiveToken>> live{};  // nothing: not read in this pass
  // What issued_by says of tokens that we issue. Empty: we share our principal with others, so that nothing
  // tells our leftovers from their tokens, and none is revoked.
  std::string principal{};
  WallTime now{};
};

// How long an answer may come before its commit.
inline constexpr std::chrono::seconds kCommitWindow{30};
// The most ids that an intent lists.
inline constexpr std::size_t kMaxKnownTokens = 100;

struct ReadTokens {};
// Write this intent into the status, then go on.
struct DeclareIntent {
  domain::TokenIntent intent;
};
// Ask for a token and put it into the Secret.
struct IssueToken {};
struct RevokeToken {
  std::string id;
};
// The new memory; written with the status at the end of the pass.
struct RememberToken {
  domain::TokenStatus memory;
};
// Nothing can be done now; look again after a moment, or never (nothing): somebody must act.
struct TokenWait {
  std::string reason;
  std::string message;
  std::optional<std::chrono::milliseconds> after{};
};
struct TokenDone {
  std::size_t leftovers = 0;  // that may be ours, and that a shared principal keeps us from revoking
};

using TokenStep =
    std::variant<TokenDone, TokenWait, ReadTokens, DeclareIntent, IssueToken, RevokeToken, RememberToken>;

// For a team that is to have a token.
[[nodiscard]] TokenStep next_token_step(const TokenFacts& facts);
// For a team that goes and whose tokens go with it: done when none of ours is live.
[[nodiscard]] TokenStep next_revocation_step(const TokenFacts& facts);

// Whether there is something to do, as far as one can tell without asking the service.
[[nodiscard]] bool token_settled(const TokenFacts& facts);
// When there will be, by time alone.
[[nodiscard]] std::optional<WallTime> next_token_change(const domain::TokenSpec& spec,
                                                        const domain::TokenStatus& memory);

}  // namespace tp::provisioner
