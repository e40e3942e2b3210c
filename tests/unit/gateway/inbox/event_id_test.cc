#include "gateway/inbox/event_id.h"

#include <chrono>
#include <set>
#include <string>

#include "support/catch.h"

namespace tp::gateway::test {
namespace {

using namespace std::chrono_literals;

TEST_CASE("an event id is a UUID of version 7 that begins with its time") {
  SystemRng rng;
  // 0x017F22E279B0 ms: the example of RFC 9562, A.6.
  const std::string id = new_event_id(WallTime{0x017F22E279B0ms}, rng).str();
  REQUIRE(id.size() == 36);
  CHECK(id.substr(0, 15) == "017f22e2-79b0-7");
  CHECK(id[18] == '-');
  CHECK(std::string{"89ab"}.find(id[19]) != std::string::npos);
  CHECK(id[23] == '-');
  CHECK(id.find_first_not_of("0123456789abcdef-") == std::string::npos);
}

TEST_CASE("ids of later milliseconds are greater, and those of one differ") {
  SystemRng rng;
  const WallTime now{1'767'225'600s};
  std::set<std::string> ids;
  for (int i = 0; i < 1000; ++i) ids.insert(new_event_id(now, rng).str());
  CHECK(ids.size() == 1000);
  CHECK(new_event_id(now + 1ms, rng).str() > *ids.rbegin());
}

}  // namespace
}  // namespace tp::gateway::test
