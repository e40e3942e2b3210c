#include "platform/breaker.h"

#include "support/catch.h"

namespace tp::platform {
namespace {

using namespace std::chrono_literals;

struct Fixture {
  Breakers breakers{{.failures = 3, .within = 60s, .first_pause = 5s, .longest_pause = 20s, .capacity = 2}};
  SteadyTime now{1h};
  std::string a = "http://a";

  void fail(int times) {
    for (int i = 0; i < times; ++i) breakers.failed(a, now);
  }
  // Opens, waits, lets one in that fails: the pause after that.
  std::chrono::milliseconds pause_after_probe() {
    now = breakers.next_chance(a, now);
    REQUIRE(breakers.allow(a, now));
    fail(1);
    return std::chrono::duration_cast<std::chrono::milliseconds>(breakers.next_chance(a, now) - now);
  }
};

TEST_CASE_METHOD(Fixture, "breaker: it opens after so many failures in a row") {
  fail(2);
  CHECK(breakers.allow(a, now));
  breakers.succeeded(a);
  fail(2);
  CHECK(breakers.allow(a, now));
  CHECK(breakers.open_count(now) == 0);
  fail(1);
  CHECK_FALSE(breakers.allow(a, now));
  CHECK(breakers.next_chance(a, now) == now + 5s);
  CHECK(breakers.open_count(now) == 1);
  CHECK(breakers.allow("http://b", now));
}

TEST_CASE_METHOD(Fixture, "breaker: failures that lie far apart do not add up") {
  fail(2);
  now += 61s;
  fail(2);
  CHECK(breakers.allow(a, now));
  fail(1);
  CHECK_FALSE(breakers.allow(a, now));
}

TEST_CASE_METHOD(Fixture, "breaker: one probe is let in after the pause; its success closes") {
  fail(3);
  now += 5s;
  CHECK(breakers.allow(a, now));
  CHECK_FALSE(breakers.allow(a, now));
  breakers.succeeded(a);
  CHECK(breakers.allow(a, now));
  CHECK(breakers.allow(a, now));
  CHECK(breakers.open_count(now) == 0);
}

TEST_CASE_METHOD(Fixture, "breaker: the pause doubles with each probe that fails, up to the longest") {
  fail(3);
  CHECK(pause_after_probe() == 10s);
  CHECK(pause_after_probe() == 20s);
  CHECK(pause_after_probe() == 20s);
}

TEST_CASE("breaker: an agent that is back is asked within 15 s, however long it was away") {
  Breakers breakers;
  SteadyTime now{1h};
  for (int i = 0; i < 5; ++i) breakers.failed("http://a", now);
  CHECK(breakers.next_chance("http://a", now) == now + 2s);
  for (int i = 0; i < 10; ++i) {
    now = breakers.next_chance("http://a", now);
    REQUIRE(breakers.allow("http://a", now));
    breakers.failed("http://a", now);
  }
  CHECK(breakers.next_chance("http://a", now) == now + 15s);
}

TEST_CASE_METHOD(Fixture, "breaker: whom nobody asks any more is not told of for ever") {
  fail(3);
  now += 60s;
  CHECK(breakers.open_count(now) == 1);
  CHECK(pause_after_probe() == 10s);  // the failure of which counts from then on
  now += 60s;
  CHECK(breakers.open_count(now) == 1);
  now += 1s;
  CHECK(breakers.open_count(now) == 0);
}

TEST_CASE_METHOD(Fixture, "breaker: failures of what was under way do not make the pause longer") {
  fail(3);
  fail(5);
  CHECK(breakers.next_chance(a, now) == now + 5s);
}

TEST_CASE_METHOD(Fixture, "breaker: a probe that never reports does not lock the door for ever") {
  fail(3);
  now += 5s;
  CHECK(breakers.allow(a, now));
  now += 20s;
  CHECK(breakers.allow(a, now));
}

TEST_CASE_METHOD(Fixture, "breaker: it remembers so many, and forgets the one heard of least recently") {
  fail(3);
  now += 1s;
  breakers.failed("http://b", now);
  now += 1s;
  breakers.failed("http://c", now);
  CHECK(breakers.size() == 2);
  CHECK(breakers.allow(a, now));
}

}  // namespace
}  // namespace tp::platform
