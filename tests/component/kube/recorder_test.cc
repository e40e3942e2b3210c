#include "kube/events/recorder.h"

#include <memory>
#include <string>

#include <nlohmann/json.hpp>

#include "support/catch.h"
#include "support/fake_clock.h"
#include "support/manual_rng.h"
#include "support/script_http_client.h"

namespace tp::kube {
namespace {

using namespace std::chrono_literals;
using test::ScriptHttpClient;
using End = ScriptHttpClient::End;
using Json = nlohmann::json;

constexpr ResourceType kRobots{"example.com", "v1", "robots", "Robot"};

Event event(const std::string& reason) {
  return {
      .regarding = {kRobots, {"plant", "rob"}, "uid-rob"}, .action = "Work", .reason = reason, .note = "x"};
}

struct Fixture {
  explicit Fixture(std::size_t queue = 1000) {
    recorder = std::make_unique<EventRecorder>(api,
                                               EventRecorderOptions{.controller = "example.com/overseer",
                                                                    .instance = "overseer",
                                                                    .queue = queue,
                                                                    .tries = 3,
                                                                    .backoff = {.min = 1ms, .max = 2ms}},
                                               clock, rng, log::Logger{sink, "events"}, registry);
  }

  // For what is written at the end.
  ~Fixture() {
    for (int i = 0; i < 4; ++i) answer(201);
  }
  Fixture(const Fixture&) = delete;
  Fixture& operator=(const Fixture&) = delete;

  [[nodiscard]] double count(const std::string& outcome) {
    return registry
        .counter("kube_events_total", "Events that were announced, by what became of them.",
                 {{"outcome", outcome}})
        .Value();
  }

  void answer(int status) {
    server.add({"/apis/events.k8s.io/v1/namespaces/plant/events"}, {.status = status, .chunks = {"{}"}});
  }

  // Nothing is asked for beyond the script: the last answer is held, and the recorder with it.
  void hold() { server.add({}, {.status = 201, .chunks = {"{}"}, .end = End::Hold}); }

  // Tells of something new, and waits until it is being written; what came before it has been written then.
  void reach(const std::string& reason) {
    hold();
    recorder->announce(event(reason));
    REQUIRE(server.wait_held());
  }

  test::FakeClock clock;
  test::ManualRng rng;
  ScriptHttpClient server;
  ApiClient api{server, server, clock};
  log::Sink sink{clock, -1, log::Level::Error, log::Format::Json};
  metrics::Registry registry;
  std::unique_ptr<EventRecorder> recorder;
};

TEST_CASE("EventRecorder: what happens again is one Event with a series", "[events]") {
  Fixture f;
  f.answer(201);
  f.answer(200);
  for (int i = 0; i < 5; ++i) f.recorder->announce(event("Stuck"));
  f.reach("Other");
  CHECK(f.count("created") == 1);
  CHECK(f.count("updated") == 1);
  CHECK(f.count("counted") == 3);
  // The end: what is cut off is written, and then what was only counted.
  f.answer(201);
  f.answer(200);
  f.recorder.reset();
  CHECK(f.server.problems().empty());
  const auto requests = f.server.requests();
  REQUIRE(requests.size() == 5);
  CHECK(requests[0].method == http::Method::Post);
  CHECK(requests[1].method == http::Method::Patch);
  CHECK(Json::parse(requests[1].body).at(0).at("value").at("count") == 2);
  CHECK(requests.back().method == http::Method::Patch);
  CHECK(Json::parse(requests.back().body).at(0).at("value").at("count") == 5);
}

TEST_CASE("EventRecorder: a series whose Event is gone gets a new one", "[events]") {
  Fixture f;
  f.answer(201);
  f.answer(404);
  f.answer(201);
  f.recorder->announce(event("Stuck"));
  f.recorder->announce(event("Stuck"));
  f.reach("Other");
  const auto requests = f.server.requests();
  REQUIRE(requests.size() == 4);
  CHECK(requests[2].method == http::Method::Post);
  CHECK(Json::parse(requests[2].body).at("series").at("count") == 2);
  CHECK(f.count("created") == 2);
}

TEST_CASE("EventRecorder: an API server that is away for a moment", "[events]") {
  Fixture f;
  SECTION("comes back") {
    f.answer(503);
    f.server.add({}, {.end = End::Refuse});
    f.answer(201);
    f.recorder->announce(event("Stuck"));
    f.reach("Other");
    CHECK(f.count("created") == 1);
    CHECK(f.count("failed") == 0);
  }
  SECTION("has taken it already, and only the answer was lost") {
    f.answer(503);
    f.answer(409);
    f.recorder->announce(event("Stuck"));
    f.reach("Other");
    CHECK(f.count("created") == 1);
  }
  SECTION("does not come back in time") {
    for (int i = 0; i < 3; ++i) f.answer(503);
    f.recorder->announce(event("Stuck"));
    f.reach("Other");
    CHECK(f.count("failed") == 1);
    CHECK(f.count("created") == 0);
  }
  SECTION("refuses") {
    f.answer(403);
    f.recorder->announce(event("Stuck"));
    f.reach("Other");
    CHECK(f.count("failed") == 1);
    CHECK(f.server.requests().size() == 2);
  }
}

TEST_CASE("EventRecorder: nobody waits for a server that does not answer", "[events]") {
  Fixture f{3};
  f.reach("R0");
  for (int i = 1; i < 10; ++i) f.recorder->announce(event("R" + std::to_string(i)));
  CHECK(f.count("dropped") == 7);
  // Stopped while it waits: what was cut off is written, and what waited.
  for (int i = 0; i < 3; ++i) f.answer(201);
  f.recorder.reset();
  CHECK(f.count("created") == 3);
  CHECK(f.count("failed") == 0);
}

}  // namespace
}  // namespace tp::kube
