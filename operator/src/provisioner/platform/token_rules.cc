#include "provisioner/platform/token_rules.h"

#include <algorithm>
#include <utility>

namespace tp::provisioner {
namespace {

using domain::RetiringToken;
using domain::TokenIntent;
using domain::TokenStatus;

// Two hosts' clocks: the service says when it issued, we say when we asked.
constexpr std::chrono::minutes kClockSkew{5};

bool contains(const std::vector<std::string>& ids, const std::string& id) {
  return std::find(ids.begin(), ids.end(), id) != ids.end();
}

bool is_live(const TokenFacts& facts, const std::string& id) {
  return !id.empty() && std::any_of(facts.live->begin(), facts.live->end(),
                                    [&](const LiveToken& token) { return token.id == id; });
}

bool retires(const TokenStatus& memory, const std::string& id) {
  return std::any_of(memory.retiring.begin(), memory.retiring.end(),
                     [&](const RetiringToken& token) { return token.id == id; });
}

bool rotation_due(const TokenFacts& facts) {
  const auto interval = facts.spec.rotation_interval;
  return interval.count() > 0 && facts.now >= facts.memory.issued_at + interval;
}

bool rotation_requested(const TokenFacts& facts) {
  return !facts.rotate.empty() && facts.rotate != facts.memory.last_handled_rotation;
}

// Issued since the intent, and nobody knows its text. With a shared principal it may also be another's.
bool is_leftover(const TokenFacts& facts, const LiveToken& token) {
  const TokenStatus& memory = facts.memory;
  if (!facts.principal.empty() && token.issued_by != facts.principal) return false;
  if (!memory.intent || token.id == memory.id || token.id == facts.held || retires(memory, token.id))
    return false;
  return !contains(memory.intent->known, token.id) && token.issued_at >= memory.intent->since - kClockSkew &&
         token.issued_at <= memory.intent->attempted + kCommitWindow + kClockSkew;
}

std::size_t count_leftovers(const TokenFacts& facts) {
  return static_cast<std::size_t>(
      std::count_if(facts.live->begin(), facts.live->end(),
                    [&](const LiveToken& token) { return is_leftover(facts, token); }));
}

const LiveToken* leftover_of_ours(const TokenFacts& facts) {
  if (facts.principal.empty()) return nullptr;
  const auto found = std::find_if(facts.live->begin(), facts.live->end(),
                                  [&](const LiveToken& token) { return is_leftover(facts, token); });
  return found == facts.live->end() ? nullptr : &*found;
}

// The Secret's token is the one that the intent was for, and it is live.
TokenStatus concluded(const TokenFacts& facts) {
  TokenStatus next = facts.memory;
  if (is_live(facts, next.id) && next.id != facts.held && !retires(next, next.id))
    next.retiring.push_back({next.id, facts.now + facts.spec.grace_period});
  const auto token = std::find_if(facts.live->begin(), facts.live->end(),
                                  [&](const LiveToken& live) { return live.id == facts.held; });
  next.id = facts.held;
  next.issued_at = token->issued_at;
  next.last_handled_rotation = facts.rotate;
  if (next.intent) next.intent->open = false;
  return next;
}

TokenIntent next_intent(const TokenFacts& facts) {
  const auto& before = facts.memory.intent;
  // What an earlier try has left may still be to come.
  const bool continues = before && (before->open || facts.now < before->attempted + kCommitWindow);
  TokenIntent intent{continues ? before->since : facts.now, facts.now, {}, true};
  for (const LiveToken& token : *facts.live) {
    // Those of an earlier try that we may not revoke stay leftovers.
    if (!is_leftover(facts, token)) intent.known.push_back(token.id);
  }
  return intent;
}

// A retired token whose time is up, or that is not live any more.
std::optional<TokenStep> retire(const TokenFacts& facts) {
  for (const RetiringToken& token : facts.memory.retiring) {
    if (!is_live(facts, token.id)) {
      TokenStatus next = facts.memory;
      std::erase(next.retiring, token);
      return RememberToken{std::move(next)};
    }
    if (token.revoke_at <= facts.now) return RevokeToken{token.id};
  }
  return std::nullopt;
}

// A token is needed.
TokenStep replacement(const TokenFacts& facts) {
  if (facts.issued) {
    return TokenWait{"Unconfirmed", "the token that the Config Service issued is not in the Secret yet",
                     std::chrono::seconds{2}};
  }
  if (facts.intent_written) return IssueToken{};
  if (facts.live->size() > kMaxKnownTokens) {
    return TokenWait{"TooManyTokens", "the team has more than " + std::to_string(kMaxKnownTokens) +
                                          " live tokens; revoke those that nobody uses"};
  }
  return DeclareIntent{next_intent(facts)};
}

// All is well. The intent is forgotten when nothing late can come of it any more.
TokenStep rest(const TokenFacts& facts) {
  const TokenStatus& memory = facts.memory;
  const std::size_t leftovers = count_leftovers(facts);
  if (!memory.intent || leftovers > 0 || facts.now <= memory.intent->attempted + 2 * kCommitWindow)
    return TokenDone{leftovers};
  TokenStatus next = memory;
  next.intent.reset();
  return RememberToken{std::move(next)};
}

}  // namespace

TokenStep next_token_step(const TokenFacts& facts) {
  if (!facts.live) return ReadTokens{};
  const TokenStatus& memory = facts.memory;
  const bool open = memory.intent && memory.intent->open;
  const bool held_is_new =
      open && !facts.held.empty() && facts.held != memory.id && !contains(memory.intent->known, facts.held);
  // Else a Secret that an earlier resource of this team has left, whose status is gone.
  const bool held_is_ours = held_is_new || (!open && memory.id.empty());
  if (held_is_ours && is_live(facts, facts.held)) return RememberToken{concluded(facts)};
  // Given up already when a new intent is written.
  if (held_is_new && !facts.intent_written && facts.now < memory.intent->attempted + kCommitWindow) {
    return TokenWait{"Unconfirmed", "the Config Service issued a token and does not list it yet",
                     std::chrono::seconds{2}};
  }
  if (const LiveToken* leftover = leftover_of_ours(facts)) return RevokeToken{leftover->id};
  if (auto step = retire(facts)) return *std::move(step);
  const bool replace = open || !is_live(facts, memory.id) || facts.held != memory.id || rotation_due(facts) ||
                       rotation_requested(facts);
  return replace ? replacement(facts) : rest(facts);
}

TokenStep next_revocation_step(const TokenFacts& facts) {
  const TokenStatus& memory = facts.memory;
  if (memory.id.empty() && memory.retiring.empty() && !memory.intent && facts.held.empty())
    return TokenDone{};
  if (!facts.live) return ReadTokens{};
  const auto ours = [&](const LiveToken& token) {
    return token.id == memory.id || token.id == facts.held || retires(memory, token.id);
  };
  const auto found = std::find_if(facts.live->begin(), facts.live->end(), ours);
  if (found != facts.live->end()) return RevokeToken{found->id};
  if (const LiveToken* leftover = leftover_of_ours(facts)) return RevokeToken{leftover->id};
  // The last try may have been concluded while an earlier one is late.
  const bool may_appear =
      memory.intent && (memory.intent->open || memory.intent->since < memory.intent->attempted);
  if (may_appear && facts.now < memory.intent->attempted + kCommitWindow) {
    return TokenWait{"Unconfirmed", "a token that was asked for may still appear", std::chrono::seconds{2}};
  }
  return TokenDone{count_leftovers(facts)};
}

bool token_settled(const TokenFacts& facts) {
  const TokenStatus& memory = facts.memory;
  const bool open = memory.intent && memory.intent->open;
  const bool retired = std::any_of(memory.retiring.begin(), memory.retiring.end(),
                                   [&](const RetiringToken& token) { return token.revoke_at <= facts.now; });
  return !open && !retired && !memory.id.empty() && facts.held == memory.id && !rotation_due(facts) &&
         !rotation_requested(facts);
}

std::optional<WallTime> next_token_change(const domain::TokenSpec& spec, const TokenStatus& memory) {
  std::optional<WallTime> next;
  const auto consider = [&](WallTime time) { next = next ? std::min(*next, time) : time; };
  if (!memory.id.empty() && spec.rotation_interval.count() > 0)
    consider(memory.issued_at + spec.rotation_interval);
  for (const RetiringToken& token : memory.retiring) consider(token.revoke_at);
  return next;
}

}  // namespace tp::provisioner
