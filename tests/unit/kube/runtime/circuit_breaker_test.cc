#include "kube/runtime/circuit_breaker.h"

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "support/catch.h"
#include "support/fake_clock.h"

namespace tp::kube {
namespace {

using namespace std::chrono_literals;

const ObjectKey kKey{"ns", "team"};
const ObjectKey kOther{"ns", "other"};

struct Fixture {
  test::FakeClock clock;
  metrics::Registry registry;
  CircuitBreaker breaker{"teams", {"Deployment", "Service"}, {}, clock, registry};

  void write(unsigned times, const ObjectKey& key = kKey) {
    for (unsigned i = 0; i < times; ++i) breaker.record(key, {.kind = "Deployment"});
  }

  [[nodiscard]] bool open(const ObjectKey& key = kKey) const { return breaker.storm(key).has_value(); }

  [[nodiscard]] bool exposes(const std::string& line) const {
    return registry.expose().find(line + "\n") != std::string::npos;
  }
};

TEST_CASE("CircuitBreaker: the fiftieth event in a row opens it, for that key alone", "[breaker]") {
  Fixture f;
  f.write(49);
  CHECK_FALSE(f.open());
  CHECK_FALSE(f.breaker.hold(kKey));
  f.write(1);
  CHECK(f.open());
  CHECK(f.breaker.hold(kKey) == 30s);
  CHECK_FALSE(f.breaker.hold(kOther));
  CHECK_FALSE(f.open(kOther));
}

TEST_CASE("CircuitBreaker: what comes slowly never opens it", "[breaker]") {
  Fixture f;
  for (int i = 0; i < 1000; ++i) {
    f.write(1);
    f.clock.advance(2s);
    REQUIRE_FALSE(f.open());
  }
}

TEST_CASE("CircuitBreaker: what comes a little faster opens it in the end", "[breaker]") {
  Fixture f;
  int events = 0;
  for (; !f.open(); ++events) {
    REQUIRE(events < 1000);
    f.write(1);
    f.clock.advance(1500ms);
  }
  CHECK(events > 150);
}

TEST_CASE("CircuitBreaker: while open one look in 30 s gets through", "[breaker]") {
  Fixture f;
  f.write(50);
  std::vector<std::chrono::seconds> looks;
  for (std::chrono::seconds at = 0s; at < 5min; at += 1s, f.clock.advance(1s)) {
    if (!f.breaker.hold(kKey)) looks.push_back(at);
  }
  CHECK(looks == std::vector<std::chrono::seconds>{30s, 60s, 90s, 120s, 150s, 180s, 210s, 240s, 270s});
  CHECK(f.breaker.storm(kKey)->next_look == 0s);
}

TEST_CASE("CircuitBreaker: closes when its time is over and a look finds nothing to do", "[breaker]") {
  Fixture f;
  CHECK_FALSE(f.breaker.calm(kKey));
  f.write(50);
  f.clock.advance(5min - 1s);
  CHECK_FALSE(f.breaker.calm(kKey));
  CHECK(f.open());
  f.clock.advance(1s);
  CHECK(f.open());
  CHECK(f.breaker.calm(kKey));
  CHECK_FALSE(f.open());
  // As if nothing had been.
  f.write(49);
  CHECK_FALSE(f.open());
}

TEST_CASE("CircuitBreaker: a fight that goes on keeps it open", "[breaker]") {
  Fixture f;
  f.write(50);
  for (int look = 0; look < 100; ++look) {
    REQUIRE(f.breaker.hold(kKey) == 30s);
    f.clock.advance(30s);
    REQUIRE_FALSE(f.breaker.hold(kKey));
    f.write(1);
  }
  CHECK(f.exposes(R"(kube_circuit_breaker_opens_total{controller="teams"} 1)"));
}

TEST_CASE("CircuitBreaker: knows what the storm is about, and who was suspected last", "[breaker]") {
  Fixture f;
  for (int i = 0; i < 10; ++i) f.breaker.record(kKey, {"Service", "somebody"});
  CHECK_FALSE(f.breaker.strained(kKey));
  f.write(39);
  CHECK(f.breaker.strained(kKey));
  f.breaker.record(kKey, {"Deployment", "rogue"});
  REQUIRE(f.open());
  CHECK(f.breaker.strained(kKey));
  f.write(1);
  CHECK(f.breaker.storm(kKey)->kind == "Deployment");
  CHECK(f.breaker.storm(kKey)->suspect == "rogue");
  CHECK(f.breaker.storm(kKey)->probe_interval == 30s);
}

TEST_CASE("CircuitBreaker: what was asked for begins the count anew, but opens no closed door", "[breaker]") {
  Fixture f;
  f.write(49);
  f.breaker.pardon(kKey);
  f.write(49);
  CHECK_FALSE(f.open());
  f.write(1);
  REQUIRE(f.open());
  f.breaker.pardon(kKey);
  CHECK(f.open());
}

TEST_CASE("CircuitBreaker: keys that have been quiet are forgotten", "[breaker]") {
  Fixture f;
  for (int i = 0; i < 10'000; ++i) {
    f.write(1, {"ns", std::to_string(i)});
    f.clock.advance(100ms);
  }
  // Each is remembered for 2 s, which is 20 of them.
  CHECK(f.breaker.size() <= 64);
}

TEST_CASE("CircuitBreaker: counts what happens", "[breaker]") {
  Fixture f;
  const std::string events = R"(kube_circuit_breaker_events_total{controller="teams",)";
  CHECK(f.exposes(events + R"(result="opened",source="Service"} 0)"));
  f.write(50);
  f.write(50, kOther);
  CHECK(f.exposes(events + R"(result="allowed",source="Deployment"} 98)"));
  CHECK(f.exposes(events + R"(result="opened",source="Deployment"} 2)"));
  CHECK(f.exposes(R"(kube_circuit_breaker_open{controller="teams"} 2)"));
  CHECK(f.exposes(R"(kube_circuit_breaker_opens_total{controller="teams"} 2)"));
  static_cast<void>(f.breaker.hold(kKey));
  CHECK(f.exposes(R"(kube_circuit_breaker_held_total{controller="teams"} 1)"));
  f.write(1);
  CHECK(f.exposes(events + R"(result="probe",source="Deployment"} 1)"));
  f.breaker.forget(kOther);
  CHECK(f.exposes(R"(kube_circuit_breaker_open{controller="teams"} 1)"));
  f.clock.advance(5min);
  CHECK(f.breaker.calm(kKey));
  CHECK(f.exposes(R"(kube_circuit_breaker_open{controller="teams"} 0)"));
  CHECK(f.exposes(R"(kube_circuit_breaker_closes_total{controller="teams"} 2)"));
}

TEST_CASE("CircuitBreaker: many threads, one look", "[breaker]") {
  Fixture f;
  f.write(50);
  f.clock.advance(30s);
  std::atomic<int> through{0};
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&] {
        for (int j = 0; j < 1000; ++j) {
          if (!f.breaker.hold(kKey)) ++through;
        }
      });
    }
  }
  CHECK(through == 1);
}

}  // namespace
}  // namespace tp::kube
