#include "kube/leader/elector.h"

#include <unistd.h>

#include "base/clock.h"
#include "base/random.h"
#include "http/gated_client.h"
#include "support/catch.h"
#include "support/script_http_client.h"

namespace tp::kube {
namespace {

using namespace std::chrono_literals;
using End = test::ScriptHttpClient::End;

constexpr const char* kTarget = "/apis/coordination.k8s.io/v1/namespaces/n/leases/l";

std::string lease(const std::string& holder, int version) {
  return R"({"metadata":{"name":"l","namespace":"n","uid":"u","resourceVersion":")" +
         std::to_string(version) + R"("},"spec":{"holderIdentity":")" + holder +
         R"(","leaseDurationSeconds":15,"acquireTime":"2026-01-01T00:00:00.000000Z",)" +
         R"("renewTime":"2026-01-01T00:00:00.000000Z","leaseTransitions":0}})";
}

// An elector against a script. Its times are real, its conditions are not: it either leads or does not.
struct Fixture {
  explicit Fixture(const LeaseTimes& times = {})
      : elector(api, {{"n", "l"}, "a", "test", times}, gate, clock, rng, log, registry) {}

  SystemClock clock;
  SystemRng rng;
  metrics::Registry registry;
  log::Sink sink{clock, STDERR_FILENO, log::Level::Error, log::Format::Text};
  log::Logger log{sink, "test"};
  http::WriteGate gate{clock};
  test::ScriptHttpClient server;
  ApiClient api{server, server, clock};
  Elector elector;
};

TEST_CASE("an elector takes the Lease, opens the gate, and gives both back", "[lease]") {
  Fixture f;
  f.server.add({kTarget}, {.status = 404, .chunks = {"{}"}});
  f.server.add({kTarget, "fieldManager=test"}, {.status = 201, .chunks = {lease("a", 10)}});
  CHECK_FALSE(f.gate.is_open());
  f.elector.stand();
  REQUIRE(f.elector.wait_until_leader({}));
  CHECK(f.gate.is_open());
  CHECK(f.registry.expose().find("leader_election_master_status{name=\"l\"} 1") != std::string::npos);
  f.server.add({kTarget}, {.chunks = {lease("", 11)}});
  f.elector.release();
  CHECK(f.elector.wait_until_lost({}));
  CHECK_FALSE(f.gate.is_open());
  CHECK(f.registry.expose().find("leader_election_master_status{name=\"l\"} 0") != std::string::npos);
  CHECK(f.server.problems().empty());
  const auto requests = f.server.requests();
  REQUIRE(requests.size() == 3);
  CHECK(requests[1].body.find(R"("resourceVersion":"1")") != std::string::npos);
  CHECK(requests[2].body.find(R"("resourceVersion":"10")") != std::string::npos);
  CHECK(requests[2].body.find(R"("holderIdentity":"")") != std::string::npos);
}

TEST_CASE("an elector that loses ends its election, and may stand again", "[lease]") {
  Fixture f{{30s, 20s, 1ms}};
  f.server.add({kTarget}, {.chunks = {lease("", 9)}});
  f.server.add({kTarget}, {.chunks = {lease("a", 10)}});
  f.server.add({kTarget}, {.status = 409, .chunks = {"{}"}});
  f.server.add({kTarget}, {.chunks = {lease("b", 11)}});
  f.elector.stand();
  // It may be over before anybody looks.
  if (f.elector.wait_until_leader({})) CHECK(f.elector.wait_until_lost({}));
  CHECK_FALSE(f.gate.is_open());
  CHECK(f.registry.expose().find("leader_election_slowpath_total{name=\"l\"} 1") != std::string::npos);
  f.server.add({kTarget}, {.chunks = {lease("", 12)}});
  f.server.add({kTarget}, {.chunks = {lease("a", 13)}});
  f.server.add({kTarget}, {.end = End::Hold});  // the next renewal, which is not what this is about
  f.elector.stand();
  CHECK(f.elector.wait_until_leader({}));
  CHECK(f.server.problems().empty());
}

TEST_CASE("an elector that nobody answers stops when it is told to", "[lease]") {
  Fixture f;
  for (int i = 0; i < 3; ++i) f.server.add({kTarget}, {.end = End::Refuse});
  std::stop_source stop;
  f.elector.stand();
  stop.request_stop();
  CHECK_FALSE(f.elector.wait_until_leader(stop.get_token()));
  f.elector.release();
  CHECK_FALSE(f.gate.is_open());
}

}  // namespace
}  // namespace tp::kube
