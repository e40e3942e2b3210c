#include "gateway/platform/outcome.h"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "json/parse.h"

namespace tp::gateway {
namespace {

// One, and one more.
constexpr unsigned kMayHaveRun = 2;
// From the end of a run's time until its record can be read.
constexpr std::chrono::seconds kUntilRecorded{5};

// The agent answers 200 to everything that it has tried. An answer that cannot be read is one all the same.
bool says_success(const std::string& body) {
  const auto answer = json::parse(body);
  if (!answer || !answer->is_object()) return true;
  const auto it = answer->find("success");
  return it == answer->end() || !it->is_boolean() || it->get<bool>();
}

Outcome without_answer(const Error& error, bool sent) {
  if (error.code == ErrorCode::InvalidArgument)
    return {.kind = OutcomeKind::Rejected, .cause = "invalid_request"};
  if (!sent) return {.kind = OutcomeKind::Refused, .cause = "not_connected"};
  switch (error.code) {
    case ErrorCode::DeadlineExceeded: return {.kind = OutcomeKind::Unknown, .cause = "deadline"};
    case ErrorCode::Cancelled: return {.kind = OutcomeKind::Unknown, .cause = "stopped"};
    // There was an answer, whose status we never learned.
    case ErrorCode::ResourceExhausted: return {.kind = OutcomeKind::Unknown, .cause = "answer_too_large"};
    default: return {.kind = OutcomeKind::Cut, .cause = "peer_closed"};
  }
}

OutcomeKind kind_of(int status, bool token_was_fresh) {
  if (status / 100 == 2) return OutcomeKind::Finished;
  if (status == 401) return token_was_fresh ? OutcomeKind::Refused : OutcomeKind::RefusedToken;
  if (status == 429 || status == 503) return OutcomeKind::Refused;
  return status >= 500 ? OutcomeKind::Cut : OutcomeKind::Rejected;
}

bool is_too_old(std::chrono::milliseconds age, const RetryBudget& budget) { return age > budget.max_age; }

}  // namespace

std::string Outcome::reason() const {
  if (kind == OutcomeKind::Finished) return success ? "finished" : "failed";
  if (status == 401) return "token_refused";
  return status != 0 ? "http_" + std::to_string(status) : std::string{cause};
}

Outcome classify(const http::Exchange& exchange, bool token_was_fresh) {
  if (!exchange.result) return without_answer(exchange.result.error(), exchange.sent);
  const http::Response& answer = *exchange.result;
  Outcome outcome{.kind = kind_of(answer.status, token_was_fresh), .status = answer.status};
  if (outcome.kind == OutcomeKind::Finished) outcome.success = says_success(answer.body);
  if (outcome.kind == OutcomeKind::Refused) {
    if (const auto seconds = http::retry_after_seconds(answer.headers)) {
      outcome.retry_after = std::chrono::seconds{*seconds};
    }
  }
  return outcome;
}

NextStep next_step(const Outcome& outcome, const Attempts& attempts, const RetryBudget& budget, Rng& rng) {
  const auto retry = [&](bool new_token) -> NextStep {
    const auto pause = std::max(budget.backoff.delay(attempts.made, rng),
                                outcome.retry_after.value_or(std::chrono::milliseconds{0}));
    const auto after = new_token ? std::chrono::milliseconds{0} : pause;
    if (is_too_old(attempts.age + after, budget)) return Dead{outcome.reason()};
    return Retry{after, new_token};
  };
  switch (outcome.kind) {
    case OutcomeKind::Finished: return Done{outcome.success};
    case OutcomeKind::Refused: return retry(false);
    case OutcomeKind::RefusedToken: return retry(true);
    case OutcomeKind::Rejected: break;
    case OutcomeKind::Cut:
      if (attempts.uncertain < kMayHaveRun) return retry(false);
      break;
    case OutcomeKind::Unknown:
      return AwaitAudit{
          std::max(std::chrono::milliseconds{0}, budget.run_limit + kUntilRecorded - attempts.since_start)};
  }
  return Dead{outcome.reason()};
}

NextStep after_audit(bool found, const Attempts& attempts, const RetryBudget& budget) {
  if (found) return Done{};
  if (attempts.uncertain >= kMayHaveRun) return Dead{"unknown"};
  if (is_too_old(attempts.age, budget)) return Dead{"too_old"};
  return Retry{};
}

}  // namespace tp::gateway
