#include "gateway/inbox/writer.h"

#include <atomic>
#include <chrono>
#include <future>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "fixture.h"

namespace tp::gateway::test {
namespace {

using namespace std::chrono_literals;

TEST_CASE("an event is stored as it came") {
  Fixture f;
  NewEvent event = new_event("delivery-1", std::string{"\0\xff{}'", 6});
  event.scope = {"o1", "t1"};
  event.lane = Lane::Interactive;
  event.headers = {{"x-github-event", "push"}, {"odd", "\xff\x01\""}};
  const auto stored = f.put(std::move(event));
  CHECK(stored.fresh == 1);
  CHECK(stored.duplicates == 0);

  Inbox& inbox = f.worker();
  CHECK(must(inbox.claim_received(f.ctx(), Lane::Normal, 10)).empty());
  const auto claimed = must(inbox.claim_received(f.ctx(), Lane::Interactive, 10));
  REQUIRE(claimed.size() == 1);
  const StoredEvent& e = claimed[0].event;
  CHECK(e.source == SourceKind::GitHub);
  CHECK(e.scope == Scope{"o1", "t1"});
  CHECK(e.kind == "issue_comment");
  CHECK(e.provider_id == "delivery-1");
  CHECK(e.body == std::string{"\0\xff{}'", 6});
  CHECK(e.header("x-github-event") == "push");
  CHECK(e.id == f.id_of("delivery-1"));
  CHECK(std::chrono::abs(e.received_at - f.db.clock().wall_now()) < 1min);
}

TEST_CASE("a delivery is known again by its id, its digest or its twin, for the same tenant") {
  Fixture f;
  NewEvent first = new_event("a", "body");
  first.twin_key = "twin";
  CHECK(f.put(first).fresh == 1);

  SECTION("all of it") {
    const auto stored = f.put(first);
    CHECK(stored.duplicates == 1);
    CHECK(stored.altered == 0);
  }
  SECTION("the digest, under another id") {
    const auto stored = f.put(new_event("b", "body"));
    CHECK(stored.duplicates == 1);
    CHECK(stored.altered == 0);
  }
  SECTION("the id, with another body") {
    const auto stored = f.put(new_event("a", "another body"));
    CHECK(stored.duplicates == 1);
    CHECK(stored.altered == 1);
    CHECK(f.db.count("orchestrator.duplicates WHERE altered") == 1);
  }
  SECTION("the twin, with another id and body") {
    NewEvent twin = new_event("b", "its twin");
    twin.twin_key = "twin";
    const auto stored = f.put(twin);
    CHECK(stored.duplicates == 1);
    CHECK(stored.altered == 0);
  }
  SECTION("but not of another source, endpoint or tenant") {
    for (const Scope& scope : {Scope{"o1", ""}, Scope{"o1", "t1"}, Scope{"o2", ""}}) {
      NewEvent other = first;
      other.scope = scope;
      CHECK(f.put(other).fresh == 1);
    }
    NewEvent other = first;
    other.endpoint = "mine";
    CHECK(f.put(other).fresh == 1);
    other = first;
    other.source = SourceKind::Generic;
    CHECK(f.put(other).fresh == 1);
    return;
  }
  SECTION("and an id is not mistaken for a digest or a twin") {
    CHECK(f.put(new_event("twin", "x")).fresh == 1);
    return;
  }
  CHECK(f.db.count("orchestrator.inbox") == 1);
  CHECK(f.db.count("orchestrator.payloads") == 1);
}

TEST_CASE("events without an id or a twin are known by their digest alone") {
  Fixture f;
  CHECK(f.put({new_event("", "one"), new_event("", "two")}).fresh == 2);
  CHECK(f.put({new_event("", "one"), new_event("", "three")}).fresh == 1);
}

TEST_CASE("of equal events in one request one is stored") {
  Fixture f;
  const auto stored = f.put({new_event("a"), new_event("a"), new_event("b")});
  CHECK(stored.fresh == 2);
  CHECK(stored.duplicates == 1);
}

TEST_CASE("the same delivery ten times at once is one event") {
  Fixture f;
  InboxWriter one{f.writer_options(), f.db.clock(), f.rng, f.registry, no_log()};
  InboxWriter two{f.writer_options(), f.db.clock(), f.rng, f.registry, no_log()};  // another process
  constexpr int kDeliveries = 100;
  std::atomic<std::size_t> fresh{0};
  std::atomic<std::size_t> duplicates{0};
  {
    std::vector<std::jthread> senders;
    for (int s = 0; s < 10; ++s) {
      senders.emplace_back([&, s] {
        for (int i = 0; i < kDeliveries; ++i) {
          NewEvent event = new_event("d" + std::to_string((i + s * 7) % kDeliveries));
          event.twin_key = "t" + std::to_string((i * 3 + s * 7 * 3) % kDeliveries);
          const auto stored = must(Fixture::put(s % 2 == 0 ? one : two, {std::move(event)}));
          fresh += stored.fresh;
          duplicates += stored.duplicates;
        }
      });
    }
  }
  CHECK(fresh == kDeliveries);
  CHECK(duplicates == 9 * kDeliveries);
  CHECK(f.db.count("orchestrator.inbox") == kDeliveries);
  CHECK(f.db.count("orchestrator.duplicates") == 9 * kDeliveries);
}

// Holds the flushers until what is put meanwhile is one batch.
class Barrier {
 public:
  explicit Barrier(Fixture& f) : f_(f) { f_.db.run("BEGIN; LOCK TABLE orchestrator.inbox"); }
  ~Barrier() { f_.db.run("COMMIT"); }

 private:
  Fixture& f_;
};

TEST_CASE("what comes while a flusher waits goes together, and each request has its own answer") {
  Fixture f;
  auto options = f.writer_options();
  options.flushers = 1;
  std::atomic<int> wakes{0};
  std::vector<std::promise<Result<InboxWriter::Stored>>> answers(50);
  f.put(new_event("known"));
  {
    InboxWriter writer{options, f.db.clock(), f.rng, f.registry, no_log()};
    writer.on_stored([&] { ++wakes; });
    const Barrier barrier{f};
    for (std::size_t i = 0; i < answers.size(); ++i) {
      std::vector<NewEvent> events{new_event(i % 10 == 0 ? "known" : "n" + std::to_string(i))};
      if (i % 10 == 1) events.push_back(new_event("second " + std::to_string(i)));
      writer.put(std::move(events), [&, i](auto stored) { answers[i].set_value(std::move(stored)); });
    }
  }
  for (std::size_t i = 0; i < answers.size(); ++i) {
    const auto stored = must(answers[i].get_future().get());
    CHECK(stored.duplicates == (i % 10 == 0 ? 1U : 0U));
    CHECK(stored.fresh == (i % 10 == 0 ? 0U : i % 10 == 1 ? 2U : 1U));
  }
  CHECK(wakes >= 1);
  CHECK(wakes <= 3);
}

TEST_CASE(
    "a value that the database refuses fails its own request and no other, and says nothing of the "
    "database") {
  Fixture f;
  auto options = f.writer_options();
  options.flushers = 1;
  InboxWriter writer{options, f.db.clock(), f.rng, f.registry, no_log()};
  std::vector<std::promise<Result<InboxWriter::Stored>>> answers(5);
  {
    const Barrier barrier{f};
    for (std::size_t i = 0; i < answers.size(); ++i) {
      NewEvent event = new_event("n" + std::to_string(i));
      if (i == 2) event.kind = std::string{"a\0b", 3};
      writer.put({std::move(event)}, [&, i](auto stored) { answers[i].set_value(std::move(stored)); });
    }
  }
  for (std::size_t i = 0; i < answers.size(); ++i) {
    const auto stored = answers[i].get_future().get();
    CHECK(stored.has_value() == (i != 2));
    if (!stored) CHECK(stored.error().code == ErrorCode::Internal);
  }
  CHECK(writer.healthy());
  CHECK(f.db.count("orchestrator.inbox") == 4);
}

TEST_CASE("a request's events are stored all or none") {
  Fixture f;
  InboxWriter writer{f.writer_options(), f.db.clock(), f.rng, f.registry, no_log()};
  NewEvent bad = new_event("bad");
  bad.kind = "\xff";
  CHECK_FALSE(Fixture::put(writer, {new_event("good"), bad}));
  CHECK(f.db.count("orchestrator.inbox") == 0);
  CHECK(f.db.count("orchestrator.dedupe_keys") == 0);
}

TEST_CASE("while the database is away events are refused, and afterwards stored again") {
  Fixture f;
  InboxWriter writer{f.writer_options(), f.db.clock(), f.rng, f.registry, no_log()};
  CHECK(must(Fixture::put(writer, {new_event("before")})).fresh == 1);
  f.db.close(true);
  f.db.break_connections();
  const auto away = Fixture::put(writer, {new_event("meanwhile")});
  REQUIRE_FALSE(away);
  CHECK(away.error().code == ErrorCode::Unavailable);
  CHECK_FALSE(writer.healthy());
  f.db.close(false);
  CHECK(must(Fixture::put(writer, {new_event("meanwhile")})).fresh == 1);
  CHECK(writer.healthy());
}

TEST_CASE("sessions that ended while nothing was written cost nobody an answer") {
  Fixture f;
  InboxWriter writer{f.writer_options(), f.db.clock(), f.rng, f.registry, no_log()};
  for (int round = 0; round < 3; ++round) {
    CHECK(Fixture::put(writer, {new_event(std::to_string(round))}));
    f.db.break_connections();
    while (f.db.count("pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()") >
           0) {
    }
  }
}

TEST_CASE("a database that does not answer is given up at the deadline") {
  Fixture f;
  auto options = f.writer_options();
  options.deadline = 200ms;
  options.flushers = 1;
  InboxWriter writer{options, f.db.clock(), f.rng, f.registry, no_log()};
  {
    const Barrier barrier{f};
    std::promise<Result<InboxWriter::Stored>> behind;
    std::promise<Result<InboxWriter::Stored>> first;
    writer.put({new_event("first")}, [&](auto stored) { first.set_value(std::move(stored)); });
    writer.put({new_event("behind")}, [&](auto stored) { behind.set_value(std::move(stored)); });
    for (auto* answer : {&first, &behind}) {
      const auto stored = answer->get_future().get();
      REQUIRE_FALSE(stored);
      CHECK(stored.error().code == ErrorCode::DeadlineExceeded);
    }
    CHECK_FALSE(writer.healthy());
  }
  std::optional<Result<InboxWriter::Stored>> stored;
  // The statement that was given up may still hold its keys for a moment; the sender tries again.
  for (int tries = 0; tries < 100 && !(stored && *stored); ++tries)
    stored = Fixture::put(writer, {new_event("first")});
  REQUIRE(stored);
  CHECK(*stored);
  CHECK(f.db.count("orchestrator.inbox WHERE provider_id = 'first'") == 1);
}

TEST_CASE("without a schema the answer says what is missing") {
  tp::test::Database db;
  SystemRng rng;
  metrics::Registry registry;
  InboxWriter writer{{.conninfo = db.url()}, db.clock(), rng, registry, no_log()};
  const auto stored = Fixture::put(writer, {new_event("one")});
  REQUIRE_FALSE(stored);
  CHECK(stored.error().code == ErrorCode::FailedPrecondition);
}

}  // namespace
}  // namespace tp::gateway::test
