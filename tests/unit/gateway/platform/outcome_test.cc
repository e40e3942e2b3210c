#include "gateway/platform/outcome.h"

#include <string>
#include <vector>

#include "support/catch.h"
#include "support/manual_rng.h"

namespace tp::gateway {
namespace {

using namespace std::chrono_literals;
using Kind = OutcomeKind;

http::Exchange answer(int status, std::string body = "", http::Headers headers = {}) {
  return {http::Response{status, std::move(headers), std::move(body)}, true};
}

http::Exchange failure(ErrorCode code, bool sent) { return {Error{code, "why"}, sent}; }

TEST_CASE("classify: every way in which an exchange can end") {
  struct Row {
    std::string what;
    http::Exchange exchange;
    bool fresh_token;
    Kind kind;
    std::string reason;
  };
  const std::vector<Row> rows{
      {"not connected", failure(ErrorCode::Unavailable, false), true, Kind::Refused, "not_connected"},
      {"certificate", failure(ErrorCode::Unauthenticated, false), true, Kind::Refused, "not_connected"},
      {"deadline before", failure(ErrorCode::DeadlineExceeded, false), true, Kind::Refused, "not_connected"},
      {"stopped before", failure(ErrorCode::Cancelled, false), true, Kind::Refused, "not_connected"},
      {"no request", failure(ErrorCode::InvalidArgument, false), true, Kind::Rejected, "invalid_request"},
      {"peer closed", failure(ErrorCode::Unavailable, true), true, Kind::Cut, "peer_closed"},
      {"interim answer", failure(ErrorCode::DataLoss, true), true, Kind::Cut, "peer_closed"},
      {"own deadline", failure(ErrorCode::DeadlineExceeded, true), true, Kind::Unknown, "deadline"},
      {"stopped", failure(ErrorCode::Cancelled, true), true, Kind::Unknown, "stopped"},
      {"too large", failure(ErrorCode::ResourceExhausted, true), true, Kind::Unknown, "answer_too_large"},
      {"200", answer(200, R"({"success":true})"), true, Kind::Finished, "finished"},
      {"200, no word", answer(200, "{}"), true, Kind::Finished, "finished"},
      {"200, failed", answer(200, R"({"success":false})"), true, Kind::Finished, "failed"},
      {"200, garbage", answer(200, "<html>"), true, Kind::Finished, "finished"},
      {"200, empty", answer(200), true, Kind::Finished, "finished"},
      {"202", answer(202, "{}"), true, Kind::Finished, "finished"},
      {"301", answer(301), true, Kind::Rejected, "http_301"},
      {"307", answer(307), true, Kind::Rejected, "http_307"},
      {"400", answer(400), true, Kind::Rejected, "http_400"},
      {"401, new token", answer(401), true, Kind::Refused, "token_refused"},
      {"401, kept token", answer(401), false, Kind::RefusedToken, "token_refused"},
      {"403", answer(403), true, Kind::Rejected, "http_403"},
      {"404", answer(404, R"({"available_agents":[]})"), true, Kind::Rejected, "http_404"},
      {"413", answer(413), true, Kind::Rejected, "http_413"},
      {"422", answer(422), true, Kind::Rejected, "http_422"},
      {"429", answer(429), true, Kind::Refused, "http_429"},
      {"500", answer(500), true, Kind::Cut, "http_500"},
      {"502", answer(502), true, Kind::Cut, "http_502"},
      {"503", answer(503), true, Kind::Refused, "http_503"},
      {"504", answer(504), true, Kind::Cut, "http_504"},
      {"507", answer(507), true, Kind::Cut, "http_507"},
  };
  for (const Row& row : rows) {
    INFO(row.what);
    const Outcome outcome = classify(row.exchange, row.fresh_token);
    CHECK(outcome.kind == row.kind);
    CHECK(outcome.reason() == row.reason);
    CHECK(outcome.success == (row.reason == "finished"));
  }
}

TEST_CASE("classify: Retry-After counts where the run was refused") {
  CHECK(classify(answer(503, "", {{"Retry-After", "7"}}), true).retry_after == 7s);
  CHECK(classify(answer(429, "", {{"retry-after", "2"}}), true).retry_after == 2s);
  CHECK_FALSE(classify(answer(500, "", {{"Retry-After", "7"}}), true).retry_after);
  CHECK_FALSE(classify(answer(503), true).retry_after);
}

struct Fixture {
  test::ManualRng rng;
  RetryBudget budget{.max_age = 1h, .run_limit = 5min, .backoff = {1s, 1min, 2.0, 0.0}};

  NextStep next(const http::Exchange& exchange, const Attempts& attempts, bool fresh = true) {
    return next_step(classify(exchange, fresh), attempts, budget, rng);
  }
};

TEST_CASE_METHOD(Fixture, "next: a finished run is done, whatever it says") {
  CHECK(std::get<Done>(next(answer(200), {})).success);
  CHECK_FALSE(std::get<Done>(next(answer(200, R"({"success":false})"), {})).success);
  // Also an old one.
  CHECK(std::holds_alternative<Done>(next(answer(200), {.made = 9, .uncertain = 2, .age = 9h})));
}

TEST_CASE_METHOD(Fixture, "next: what nobody acted on is tried again and again, until it is too old") {
  for (const auto& exchange :
       {failure(ErrorCode::Unavailable, false), answer(429), answer(503), answer(401)}) {
    CHECK(std::get<Retry>(next(exchange, {.made = 1})).after == 1s);
    CHECK(std::get<Retry>(next(exchange, {.made = 4})).after == 8s);
    CHECK(std::get<Retry>(next(exchange, {.made = 50, .age = 30min})).after == 1min);
    CHECK_FALSE(std::get<Retry>(next(exchange, {})).new_token);
    CHECK(std::holds_alternative<Dead>(next(exchange, {.made = 50, .age = 1h})));
  }
  CHECK(std::get<Dead>(next(answer(503), {.age = 2h})).reason == "http_503");
  // Earlier attempts that may have run do not forbid it: this one did not.
  CHECK(std::holds_alternative<Retry>(next(answer(503), {.made = 3, .uncertain = 1})));
}

TEST_CASE_METHOD(Fixture, "next: Retry-After is honoured when it is longer than our own pause") {
  const auto wait = [&](const char* seconds) {
    return next(answer(429, "", {{"Retry-After", seconds}}), {.made = 3});
  };
  CHECK(std::get<Retry>(wait("30")).after == 30s);
  CHECK(std::get<Retry>(wait("1")).after == 4s);
  CHECK(std::get<Dead>(wait("7200")).reason == "http_429");
}

TEST_CASE_METHOD(Fixture, "next: a token that was kept is replaced at once") {
  const auto retry = std::get<Retry>(next(answer(401), {.made = 5}, false));
  CHECK(retry.after == 0s);
  CHECK(retry.new_token);
}

TEST_CASE_METHOD(Fixture, "next: what can never work is dead at once") {
  CHECK(std::get<Dead>(next(answer(404), {})).reason == "http_404");
  CHECK(std::get<Dead>(next(answer(302), {})).reason == "http_302");
  CHECK(std::get<Dead>(next(failure(ErrorCode::InvalidArgument, false), {})).reason == "invalid_request");
}

TEST_CASE_METHOD(Fixture, "next: a run that was cut gets one more attempt") {
  for (const auto& exchange :
       {failure(ErrorCode::Unavailable, true), answer(500), answer(502), answer(504)}) {
    CHECK(std::get<Retry>(next(exchange, {.made = 1, .uncertain = 1})).after == 1s);
    CHECK(std::holds_alternative<Retry>(next(exchange, {.made = 7, .uncertain = 1})));
    CHECK(std::holds_alternative<Dead>(next(exchange, {.made = 2, .uncertain = 2})));
    CHECK(std::holds_alternative<Dead>(next(exchange, {.made = 1, .uncertain = 1, .age = 1h})));
  }
}

TEST_CASE_METHOD(Fixture, "next: of a run that was lost sight of the audit is asked, when it must be over") {
  const auto wait = [&](std::chrono::milliseconds since_start) {
    return std::get<AwaitAudit>(
               next(failure(ErrorCode::DeadlineExceeded, true), {.uncertain = 1, .since_start = since_start}))
        .after;
  };
  CHECK(wait(0s) == 5min + 5s);
  CHECK(wait(5min) == 5s);
  CHECK(wait(6min) == 0s);
  CHECK(std::holds_alternative<AwaitAudit>(
      next(failure(ErrorCode::DeadlineExceeded, true), {.made = 2, .uncertain = 2, .age = 9h})));
}

TEST_CASE_METHOD(Fixture, "audit: found is done; not found is one more attempt, at most") {
  CHECK(std::holds_alternative<Done>(after_audit(true, {.made = 2, .uncertain = 2, .age = 9h}, budget)));
  CHECK(std::get<Retry>(after_audit(false, {.made = 1, .uncertain = 1}, budget)).after == 0s);
  CHECK(std::get<Dead>(after_audit(false, {.made = 2, .uncertain = 2}, budget)).reason == "unknown");
  CHECK(std::get<Dead>(after_audit(false, {.made = 1, .uncertain = 1, .age = 2h}, budget)).reason ==
        "too_old");
}

// Whatever happens, in whatever order: never more than two attempts that may have run.
TEST_CASE_METHOD(Fixture, "next: no sequence of outcomes starts a third run") {
  const std::vector<http::Exchange> kinds{
      failure(ErrorCode::Unavailable, false), answer(503), answer(401),
      failure(ErrorCode::Unavailable, true),  answer(500), failure(ErrorCode::DeadlineExceeded, true)};
  constexpr unsigned kDepth = 6;
  unsigned sequences = 1;
  for (unsigned i = 0; i < kDepth; ++i) sequences *= static_cast<unsigned>(kinds.size());
  for (unsigned sequence = 0; sequence < sequences; ++sequence) {
    Attempts attempts{.made = 0};
    unsigned rest = sequence;
    for (unsigned i = 0; i < kDepth; ++i, rest /= static_cast<unsigned>(kinds.size())) {
      const Outcome outcome = classify(kinds[rest % kinds.size()], attempts.made % 2 == 0);
      ++attempts.made;
      if (outcome.kind == Kind::Cut || outcome.kind == Kind::Unknown) ++attempts.uncertain;
      REQUIRE(attempts.uncertain <= 2);
      NextStep step = next_step(outcome, attempts, budget, rng);
      if (std::holds_alternative<AwaitAudit>(step)) step = after_audit(false, attempts, budget);
      if (!std::holds_alternative<Retry>(step)) break;
    }
  }
}

}  // namespace
}  // namespace tp::gateway
