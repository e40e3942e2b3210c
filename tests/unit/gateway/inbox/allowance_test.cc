#include "gateway/inbox/allowance.h"

#include <chrono>

#include "support/catch.h"

namespace tp::gateway::test {
namespace {

using namespace std::chrono_literals;

const WallTime kNow{1'767'225'600s};
constexpr TeamLimits kLimits{.in_flight = 20, .per_second = 2, .burst = 10, .per_hour = 60};

RunMeter full() { return {10, kNow, kNow, 0}; }

TEST_CASE("the smallest limit counts, and says when it allows the next run") {
  RunMeter meter = full();
  Allowance a = allowance(meter, kLimits, 0, kNow);
  CHECK(a.runs == 10);
  CHECK(a.reason == "rate");
  CHECK(a.again_at == kNow + 500ms);

  meter = full();
  a = allowance(meter, kLimits, 15, kNow);
  CHECK(a.runs == 5);  // the end of a run allows the next: no time is known
  CHECK(a.reason.empty());
  CHECK_FALSE(a.again_at);

  meter = full();
  meter.hour_runs = 57;
  meter.hour_begun = kNow - 20min;
  a = allowance(meter, kLimits, 0, kNow);
  CHECK(a.runs == 3);
  CHECK(a.reason == "hourly_cap");
  CHECK(a.again_at == kNow + 40min);
}

TEST_CASE("nothing is allowed below zero") {
  RunMeter meter = full();
  CHECK(allowance(meter, kLimits, 25, kNow).runs == 0);
  meter = full();
  meter.hour_runs = 70;  // the cap was lowered meanwhile
  const Allowance a = allowance(meter, kLimits, 0, kNow);
  CHECK(a.runs == 0);
  CHECK(a.reason == "hourly_cap");
}

TEST_CASE("tokens come back with time, up to the burst") {
  RunMeter meter = full();
  spend(meter, 10);
  Allowance a = allowance(meter, kLimits, 0, kNow);
  CHECK(a.runs == 0);
  CHECK(a.reason == "rate");
  CHECK(a.again_at == kNow + 500ms);
  CHECK(allowance(meter, kLimits, 0, kNow + 499ms).runs == 0);
  CHECK(allowance(meter, kLimits, 0, kNow + 500ms).runs == 1);
  CHECK(allowance(meter, kLimits, 0, kNow + 2s).runs == 4);
  CHECK(allowance(meter, kLimits, 0, kNow + 1h).runs == 10);
}

TEST_CASE("part of a token shortens the wait for the next one after those that are allowed") {
  RunMeter meter = full();
  meter.tokens = 3.5;
  const Allowance a = allowance(meter, kLimits, 0, kNow);
  CHECK(a.runs == 3);
  CHECK(a.again_at == kNow + 250ms);
}

TEST_CASE("a new hour begins with nothing used") {
  RunMeter meter{10, kNow, kNow, 60};
  CHECK(allowance(meter, kLimits, 0, kNow + 59min).runs == 0);
  CHECK(allowance(meter, kLimits, 0, kNow + 1h).runs == 10);
  CHECK(meter.hour_begun == kNow + 1h);
  CHECK(meter.hour_runs == 0);
}

TEST_CASE("a clock that goes back gives nothing twice and forbids nothing for long") {
  RunMeter meter = full();
  spend(meter, 4);
  CHECK(allowance(meter, kLimits, 0, kNow - 10s).runs == 6);
  CHECK(meter.hour_begun == kNow - 10s);
  CHECK(allowance(meter, kLimits, 0, kNow).runs == 10);
}

TEST_CASE("0 is no limit, but for runs in flight") {
  RunMeter meter{0, kNow, kNow, 1000};
  CHECK(allowance(meter, {.in_flight = 20, .per_second = 0, .burst = 0, .per_hour = 0}, 3, kNow).runs == 17);
  CHECK(allowance(meter, {.in_flight = 0, .per_second = 0, .burst = 0, .per_hour = 0}, 0, kNow).runs == 0);
}

}  // namespace
}  // namespace tp::gateway::test
