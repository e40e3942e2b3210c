#include "gateway/ingest/failure_limit.h"

#include <chrono>
#include <string>

#include "support/catch.h"

namespace tp::gateway {
namespace {

using std::chrono::seconds;

constexpr SteadyTime kStart{seconds{1'000}};

TEST_CASE("failure limit: an address may fail in a burst, and then at its rate") {
  FailureLimit limit{{.per_second = 2, .burst = 3}};
  for (int i = 0; i < 3; ++i) CHECK(limit.allow("192.0.2.1", kStart));
  CHECK_FALSE(limit.allow("192.0.2.1", kStart));
  CHECK(limit.allow("192.0.2.2", kStart));  // another's failures are not its own
  CHECK(limit.allow("192.0.2.1", kStart + seconds{1}));
  CHECK(limit.allow("192.0.2.1", kStart + seconds{1}));
  CHECK_FALSE(limit.allow("192.0.2.1", kStart + seconds{1}));
}

TEST_CASE("failure limit: the addresses of one IPv6 network count as one") {
  FailureLimit limit{{.per_second = 1, .burst = 1}};
  CHECK(limit.allow("2001:db8:0:1::1", kStart));
  CHECK_FALSE(limit.allow("2001:db8:0:1:ffff::2", kStart));
  CHECK(limit.allow("2001:db8:0:2::1", kStart));
}

TEST_CASE("failure limit: who fails among a flood of others is not forgotten while it goes on failing") {
  FailureLimit limit{{.per_second = 0, .burst = 1, .addresses = 10}};
  CHECK(limit.allow("192.0.2.1", kStart));
  for (int i = 0; i < 1'000; ++i) {
    static_cast<void>(limit.allow("10.0." + std::to_string(i / 250) + "." + std::to_string(i % 250), kStart));
    CHECK_FALSE(limit.allow("192.0.2.1", kStart));
  }
}

}  // namespace
}  // namespace tp::gateway
