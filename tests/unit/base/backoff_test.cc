#include "base/backoff.h"

#include "support/catch.h"
#include "support/manual_rng.h"

namespace tp {
namespace {

using std::chrono::milliseconds;

TEST_CASE("Backoff: doubles from min to max, and no further", "[base]") {
  test::ManualRng rng;
  const Backoff b{.min = milliseconds{500}, .max = milliseconds{300000}, .factor = 2.0, .jitter = 0.25};
  CHECK(b.delay(1, rng) == milliseconds{500});
  CHECK(b.delay(2, rng) == milliseconds{1000});
  CHECK(b.delay(10, rng) == milliseconds{256000});
  CHECK(b.delay(11, rng) == milliseconds{300000});
  CHECK(b.delay(4000000000U, rng) == milliseconds{300000});
}

TEST_CASE("Backoff: jitter stays within its bounds", "[base]") {
  test::ManualRng rng;
  const Backoff b{.min = milliseconds{1000}, .max = milliseconds{8000}, .factor = 2.0, .jitter = 0.25};
  rng.set_uniform(0.0);
  CHECK(b.delay(1, rng) == milliseconds{750});
  rng.set_uniform(0.999999);
  CHECK(b.delay(1, rng) <= milliseconds{1250});
  CHECK(b.delay(1, rng) > milliseconds{1240});
}

}  // namespace
}  // namespace tp
