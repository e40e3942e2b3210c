#include "kube/events/event_journal.h"

#include <chrono>
#include <set>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "support/catch.h"
#include "support/fake_clock.h"
#include "support/manual_rng.h"

namespace tp::kube {
namespace {

using namespace std::chrono_literals;
using Json = nlohmann::json;
using Kind = EventJournal::Decision::Kind;

constexpr ResourceType kRobots{"example.com", "v1", "robots", "Robot"};

Event event(const std::string& reason = "Conflict", const std::string& name = "rob") {
  return {.regarding = {kRobots, {"plant", name}, "uid-" + name, "7"},
          .warning = true,
          .action = "Reconcile",
          .reason = reason,
          .note = "the arm is taken"};
}

struct Fixture {
  test::FakeClock clock;
  test::ManualRng rng;
  EventJournal journal{"example.com/overseer", "overseer", clock, rng};

  // What is written when this is announced, and what time has brought by then.
  std::vector<EventWrite> writes(const Event& news) {
    std::vector<EventWrite> all = journal.due();
    EventJournal::Decision decision = journal.announce(news);
    if (decision.kind == Kind::Create || decision.kind == Kind::Patch) all.push_back(decision.write);
    return all;
  }
};

unsigned count_of(const EventWrite& write) {
  return Json::parse(write.patch).at(0).at("value").at("count").get<unsigned>();
}

TEST_CASE("event journal: the first of its kind is created", "[events]") {
  Fixture f;
  const auto decision = f.journal.announce(event());
  REQUIRE(decision.kind == Kind::Create);
  CHECK(decision.write.patch.empty());
  CHECK(decision.write.key == ObjectKey{"plant", "rob.0000000000000080"});
  CHECK(Json::parse(decision.write.create) == Json::parse(R"({
    "apiVersion": "events.k8s.io/v1", "kind": "Event",
    "metadata": {"namespace": "plant", "name": "rob.0000000000000080"},
    "eventTime": "2026-01-01T00:00:00.000000Z",
    "reportingController": "example.com/overseer", "reportingInstance": "overseer",
    "type": "Warning", "action": "Reconcile", "reason": "Conflict", "note": "the arm is taken",
    "regarding": {"apiVersion": "example.com/v1", "kind": "Robot", "namespace": "plant", "name": "rob",
                  "uid": "uid-rob", "resourceVersion": "7"}})"));
}

TEST_CASE("event journal: a second one makes a series, and more are counted", "[events]") {
  Fixture f;
  const auto first = f.journal.announce(event());
  f.clock.advance(1s);
  Event again = event();
  again.note = "another text, of the same kind";
  again.regarding.resource_version = "8";
  const auto second = f.journal.announce(again);
  REQUIRE(second.kind == Kind::Patch);
  CHECK(second.write.key == first.write.key);
  CHECK(Json::parse(second.write.patch) == Json::parse(R"([{"op": "add", "path": "/series", "value":
                         {"count": 2, "lastObservedTime": "2026-01-01T00:00:01.000000Z"}}])"));
  // Should the Event be gone by now, it is made again: as it was, and with its series.
  Json anew = Json::parse(first.write.create);
  anew["series"] = {{"count", 2}, {"lastObservedTime", "2026-01-01T00:00:01.000000Z"}};
  CHECK(Json::parse(second.write.create) == anew);

  CHECK(f.journal.announce(event()).kind == Kind::Count);
  f.clock.advance(11min);
  CHECK(f.journal.due().empty());
  f.clock.advance(1min);
  const auto end = f.journal.due();
  REQUIRE(end.size() == 1);
  CHECK(count_of(end.front()) == 3);
  CHECK(f.journal.remembered() == 0);
  CHECK(f.journal.announce(event()).kind == Kind::Create);
}

TEST_CASE("event journal: one that stayed alone is forgotten without a write", "[events]") {
  Fixture f;
  REQUIRE(f.journal.announce(event()).kind == Kind::Create);
  f.clock.advance(12min);
  CHECK(f.journal.due().empty());
  CHECK(f.journal.remembered() == 0);
}

TEST_CASE("event journal: what differs in more than its note is of another kind", "[events]") {
  Fixture f;
  std::vector<Event> kinds(6, event());
  kinds[1].warning = false;
  kinds[2].action = "Delete";
  kinds[3].reason = "Rejected";
  kinds[4].regarding.uid = "uid-of-the-next";
  kinds[5] = event("Conflict", "bot");
  for (const Event& kind : kinds) CHECK(f.journal.announce(kind).kind == Kind::Create);
  for (const Event& kind : kinds) CHECK(f.journal.announce(kind).kind == Kind::Patch);
}

TEST_CASE("event journal: an hour of failures costs at most five writes a reason", "[events]") {
  Fixture f;
  // Each few seconds, or as seldom as the work queue's longest pause, or the look for drift.
  const auto pause = GENERATE(2s, 7s, 60s, 375s, 660s);
  std::size_t writes = 0;
  unsigned told = 0;
  EventWrite last;
  for (auto passed = 0s; passed < 1h; passed += pause) {
    Event news = event();
    news.note += " at " + std::to_string(passed.count());
    ++told;
    for (const EventWrite& write : f.writes(news)) {
      ++writes;
      last = write;
    }
    f.clock.advance(pause);
  }
  for (const EventWrite& write : f.journal.finish()) {
    ++writes;
    last = write;
  }
  INFO("each " << pause.count() << " s");
  CHECK(writes >= 3);
  CHECK(writes <= 5);
  CHECK(count_of(last) == told);
}

TEST_CASE("event journal: a series that goes on is written each half an hour", "[events]") {
  Fixture f;
  std::vector<unsigned> counts;
  for (int minute = 0; minute < 24 * 60; ++minute) {
    for (const EventWrite& write : f.writes(event()))
      counts.push_back(write.patch.empty() ? 1 : count_of(write));
    f.clock.advance(1min);
  }
  REQUIRE(counts.size() == 2 + 47);
  CHECK(std::vector<unsigned>(counts.begin(), counts.begin() + 4) == std::vector<unsigned>{1, 2, 31, 61});
}

TEST_CASE("event journal: an object and a reason have a bucket of their own", "[events]") {
  Fixture f;
  const auto act = [&](const std::string& action, const std::string& reason = "Conflict") {
    Event news = event(reason);
    news.action = action;
    return f.journal.announce(news).kind;
  };
  for (int i = 0; i < 25; ++i) REQUIRE(act("Act" + std::to_string(i)) == Kind::Create);
  CHECK(act("Act25") == Kind::Suppress);
  CHECK(act("Act0") == Kind::Count);  // a second one, that cannot be paid for
  CHECK(act("Act25", "Rejected") == Kind::Create);
  CHECK(f.journal.announce(event("Conflict", "bot")).kind == Kind::Create);
  f.clock.advance(299s);
  CHECK(act("Act25") == Kind::Suppress);
  f.clock.advance(1s);
  CHECK(act("Act25") == Kind::Create);
  CHECK(act("Act26") == Kind::Suppress);
  // What was only counted is written in the end.
  const auto rest = f.journal.finish();
  REQUIRE(rest.size() == 1);
  CHECK(count_of(rest.front()) == 2);
}

TEST_CASE("event journal: only so many series are remembered", "[events]") {
  Fixture f;
  const auto name = [](std::size_t i) { return "robot-" + std::to_string(i); };
  for (std::size_t i = 0; i <= EventJournal::kRemembered; ++i) {
    REQUIRE(f.journal.announce(event("Conflict", name(i))).kind == Kind::Create);
  }
  CHECK(f.journal.remembered() == EventJournal::kRemembered);
  CHECK(f.journal.announce(event("Conflict", name(1))).kind == Kind::Patch);
  CHECK(f.journal.announce(event("Conflict", name(0))).kind == Kind::Create);
}

TEST_CASE("event journal: names and notes fit, and are cut between characters", "[events]") {
  Fixture f;
  Event news = event("Conflict", std::string(253, 'r'));
  news.note = std::string(1023, 'n') + "é and more";
  const auto decision = f.journal.announce(news);
  CHECK(decision.write.key.name.size() == 253);
  CHECK(Json::parse(decision.write.create).at("note") == std::string(1023, 'n'));
}

TEST_CASE("event journal: what has no namespace is told of in the default one", "[events]") {
  Fixture f;
  Event news = event();
  news.regarding.key.ns.clear();
  const auto decision = f.journal.announce(news);
  CHECK(decision.write.key.ns == "default");
  CHECK_FALSE(Json::parse(decision.write.create).at("regarding").contains("namespace"));
}

}  // namespace
}  // namespace tp::kube
