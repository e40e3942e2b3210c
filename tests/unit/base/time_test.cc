#include "base/time.h"

#include "support/catch.h"

namespace tp {
namespace {

TEST_CASE("rfc3339: a known instant in both forms", "[base]") {
  const WallTime t{std::chrono::seconds{1767225600} + std::chrono::microseconds{1500}};
  CHECK(to_rfc3339(t) == "2026-01-01T00:00:00Z");
  CHECK(to_rfc3339_micro(t) == "2026-01-01T00:00:00.001500Z");
  CHECK(parse_rfc3339(to_rfc3339_micro(t)) == t);
}

TEST_CASE("rfc3339: offsets count, garbage does not parse", "[base]") {
  CHECK(parse_rfc3339("2026-01-01T01:00:00+01:00") == parse_rfc3339("2026-01-01T00:00:00Z"));
  CHECK(parse_rfc3339("2025-12-31T19:00:00.000-05:00") == parse_rfc3339("2026-01-01T00:00:00Z"));
  for (const char* bad :
       {"", "2026-01-01", "2026-13-01T00:00:00Z", "2026-02-30T00:00:00Z", "2026-01-01T24:00:00Z",
        "2026-01-01T00:00:00", "2026-01-01T00:00:00.Z", "2026-01-01T00:00:00Zx", "+026-01-01T00:00:00Z",
        "2026-01-01T-1:00:00Z", "0001-01-01T00:00:00Z", "1677-12-31T23:59:59Z", "2262-01-01T00:00:00Z",
        "9999-12-31T23:59:59Z"}) {
    CAPTURE(bad);
    CHECK_FALSE(parse_rfc3339(bad));
  }
}

TEST_CASE("rfc3339: the first and the last year", "[base]") {
  for (const char* good : {"1678-01-01T00:00:00Z", "2261-12-31T23:59:59Z"}) {
    const auto time = parse_rfc3339(good);
    REQUIRE(time);
    CHECK(to_rfc3339(*time) == good);
  }
}

}  // namespace
}  // namespace tp
