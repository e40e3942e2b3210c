#include "base/trace.h"

#include <deque>

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

TEST_CASE("trace: an inner call belongs to the outer one's work", "[trace]") {
  const test::FakeClock clock;
  const Context ctx{.trace = {1, 2}};
  CHECK(ctx.child(clock, std::chrono::seconds{1}).trace == ctx.trace);
}

}  // namespace
}  // namespace tp
