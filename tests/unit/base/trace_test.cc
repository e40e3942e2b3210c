#include "base/trace.h"

#include <deque>
#include <string>
#include <vector>

#include "base/context.h"
#include "support/catch.h"
#include "support/fake_clock.h"

namespace tp {
namespace {

class ListedRng final : public Rng {
 public:
  explicit ListedRng(std::deque<std::uint64_t> numbers) : numbers_(std::move(numbers)) {}

  [[nodiscard]] std::uint64_t next() override {
    const std::uint64_t number = numbers_.front();
    numbers_.pop_front();
    return number;
  }

 private:
  std::deque<std::uint64_t> numbers_;
};

TEST_CASE("trace: ids are those of W3C Trace Context", "[trace]") {
  ListedRng rng{{0x4bf92f3577b34da6U, 0xa3ce929d0e0e4736U, 0x00f067aa0ba902b7U}};
  const TraceId trace = TraceId::make(rng);
  REQUIRE(trace);
  CHECK(trace.str() == "4bf92f3577b34da6a3ce929d0e0e4736");
  // The specification's own example.
  CHECK(make_traceparent(trace, rng) == "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
}

TEST_CASE("trace: zero is no id", "[trace]") {
  CHECK_FALSE(TraceId{});
  CHECK(TraceId{}.str().empty());
  ListedRng rng{{0, 0, 0}};
  const TraceId trace = TraceId::make(rng);
  CHECK(trace);
  CHECK(make_traceparent(trace, rng) == "00-00000000000000000000000000000001-0000000000000001-01");
}

TEST_CASE("trace: a UUID is one", "[trace]") {
  const std::string uuid = "019b7606-5400-7abc-8def-0123456789ab";
  CHECK(TraceId::of_uuid(uuid).str() == "019b760654007abc8def0123456789ab");
  for (const std::string& none :
       {std::string{}, uuid + "0", uuid.substr(1), std::string{"019b7606054007abc-8def-0123456789ab--"},
        std::string{"019b7606-5400-7abc-8def-0123456789AB"},
        std::string{"019b7606-5400-7abc-8def-0123456789ag"},
        std::string{"00000000-0000-0000-0000-000000000000"}}) {
    CAPTURE(none);
    CHECK_FALSE(TraceId::of_uuid(none));
  }
}

TEST_CASE("trace: a caller's header is understood as the specification says", "[trace]") {
  const std::string trace = "4bf92f3577b34da6a3ce929d0e0e4736";
  const std::string good = "00-" + trace + "-00f067aa0ba902b7-01";
  CHECK(parse_traceparent(good).str() == trace);
  CHECK(parse_traceparent("00-" + trace + "-00f067aa0ba902b7-00").str() == trace);  // not sampled there
  // Versions to come keep these fields, and may add some.
  CHECK(parse_traceparent("cc" + good.substr(2)).str() == trace);
  CHECK(parse_traceparent("cc" + good.substr(2) + "-what-the-future-brings").str() == trace);
  for (const std::string& bad : std::vector<std::string>{
           std::string{}, good.substr(0, 54), good + "-", good + "-x", "cc" + good.substr(2) + ".x",
           "ff" + good.substr(2), "0x" + good.substr(2),
           "00-" + std::string(32, '0') + "-00f067aa0ba902b7-01",
           "00-" + trace + "-" + std::string(16, '0') + "-01",
           "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01", "00-" + trace + "-00f067aa0ba902bg-01",
           "00-" + trace + "-00f067aa0ba902b7-0g", "00_" + trace + "-00f067aa0ba902b7-01",
           "00-" + trace + "_00f067aa0ba902b7-01", "00-" + trace + "-00f067aa0ba902b7_01"}) {
    CAPTURE(bad);
    CHECK_FALSE(parse_traceparent(bad));
  }
}

TEST_CASE("trace: an inner call belongs to the outer one's work", "[trace]") {
  const test::FakeClock clock;
  const Context ctx{.trace = {1, 2}};
  CHECK(ctx.child(clock, std::chrono::seconds{1}).trace == ctx.trace);
}

}  // namespace
}  // namespace tp
