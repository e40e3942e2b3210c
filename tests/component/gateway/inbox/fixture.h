#pragma once

#include <chrono>
#include <future>
#include <list>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/random.h"
#include "crypto/sha256.h"
#include "gateway/inbox/event_id.h"
#include "gateway/inbox/inbox.h"
#include "gateway/inbox/migrate.h"
#include "gateway/inbox/writer.h"
#include "log/log.h"
#include "metrics/metrics.h"
#include "postgres/pool.h"
#include "support/catch.h"
#include "support/database.h"

namespace tp::gateway::test {

inline log::Logger no_log() {
  static const SystemClock clock;
  static log::Sink sink{clock, -1, log::Level::Error, log::Format::Json};
  return log::Logger{sink, "test"};
}

template <class T>
T must(Result<T> result) {
  if (!result) throw std::runtime_error{result.error().message};
  return *std::move(result);
}

inline NewEvent new_event(std::string provider_id, std::string body = {}) {
  NewEvent event;
  event.source = SourceKind::GitHub;
  event.kind = "issue_comment";
  event.body = body.empty() ? "body of " + provider_id : std::move(body);
  const auto digest = crypto::sha256(event.body);
  event.digest.assign(reinterpret_cast<const char*>(digest.data()),
                      digest.size());  // NOLINT(*-reinterpret-cast)
  event.provider_id = std::move(provider_id);
  event.headers = {{"x-github-event", "issue_comment"}};
  return event;
}

// No limits but the team's room.
inline constexpr TeamLimits kRoomOnly{.in_flight = 20, .per_second = 0, .burst = 0, .per_hour = 0};

// One database for all cases of this process: to make and drop one takes the server a second. Without a
// schema.
inline tp::test::Database& empty_database() {
  static tp::test::Database database;
  database.run("DROP SCHEMA IF EXISTS orchestrator CASCADE");
  return database;
}

// A migrated database, a writer, and workers.
class Fixture {
 public:
  Fixture() : pool_(db.url(), 8, db.clock()) { must(migrate(ctx(), db.connection(), {})); }

  Context ctx() const { return db.soon(); }
  postgres::Pool& pool() noexcept { return pool_; }

  InboxWriter::Options writer_options() const {
    return {.conninfo = db.url(), .deadline = std::chrono::milliseconds{20'000}};
  }
  // Stores the events as one request, and waits for the answer.
  static Result<InboxWriter::Stored> put(InboxWriter& writer, std::vector<NewEvent> events) {
    std::promise<Result<InboxWriter::Stored>> answer;
    writer.put(std::move(events),
               [&](Result<InboxWriter::Stored> stored) { answer.set_value(std::move(stored)); });
    return answer.get_future().get();
  }
  InboxWriter::Stored put(std::vector<NewEvent> events) {
    if (!writer_) writer_.emplace(writer_options(), db.clock(), rng, registry, no_log());
    return must(put(*writer_, std::move(events)));
  }
  InboxWriter::Stored put(NewEvent event) {
    std::vector<NewEvent> events;
    events.push_back(std::move(event));
    return put(std::move(events));
  }

  // Another worker, that has said that it is alive.
  Inbox& worker(std::chrono::milliseconds lease = std::chrono::minutes{10}) {
    const std::string id = new_event_id(db.clock().wall_now(), rng).str();
    workers_.emplace_back(pool_, id, "host", lease);
    must(workers_.back().heartbeat(ctx()));
    return workers_.back();
  }
  // Claims what is new and routes all of it to one team; the ids, oldest first.
  std::vector<EventId> route_all(Inbox& inbox, const std::string& org, const std::string& team) {
    std::vector<Route> routes;
    std::vector<EventId> ids;
    for (const ClaimedEvent& event : must(inbox.claim_received(ctx(), Lane::Normal, 10'000))) {
      routes.push_back({event.claim, org, team, std::chrono::hours{6}});
      ids.push_back(event.claim.id);
    }
    must(inbox.route(ctx(), routes));
    return ids;
  }
  // Stores and routes events of these provider ids.
  std::vector<EventId> arrive(Inbox& inbox,
                              const std::string& org,
                              const std::string& team,
                              const std::vector<std::string>& provider_ids,
                              const std::string& order_key = {}) {
    for (const std::string& id : provider_ids) {
      NewEvent event = new_event(id);
      event.order_key = order_key;
      put(std::move(event));
    }
    return route_all(inbox, org, team);
  }
  // All turns that are due, until none brings anything any more.
  std::vector<ClaimedEvent> claim_all(Inbox& inbox,
                                      const TeamLimits& limits = kRoomOnly,
                                      std::size_t most = 1000) {
    std::vector<ClaimedEvent> events;
    for (auto turn = must(inbox.claim_team(ctx(), limits, most)); turn;
         turn = must(inbox.claim_team(ctx(), limits, most))) {
      events.insert(events.end(), turn->events.begin(), turn->events.end());
    }
    return events;
  }
  void finish(Inbox& inbox, const ClaimedEvent& event, State state = State::Done) {
    must(inbox.settle(ctx(), {{.claim = event.claim, .state = state, .reason = "test"}}));
  }
  // The id of the event of that provider id; fails when there is not just one, open or ended.
  EventId id_of(const std::string& provider_id) {
    const auto rows = db.run(
        "SELECT id FROM orchestrator.inbox WHERE provider_id = $1 UNION ALL SELECT id FROM "
        "orchestrator.events WHERE "
        "provider_id = $1",
        postgres::Params{}.add(provider_id));
    if (rows.size() != 1) throw std::runtime_error{std::to_string(rows.size()) + " events of " + provider_id};
    return EventId{std::string{rows.text(0, 0)}};
  }
  // "state/reason" of an open or ended event.
  std::string state_of(const EventId& id) {
    return db.value(
        "SELECT state || '/' || reason FROM orchestrator.inbox WHERE id = $1::uuid UNION ALL SELECT state || "
        "'/' || "
        "reason FROM orchestrator.events WHERE id = $1::uuid",
        postgres::Params{}.add(id.view()));
  }
  std::string column(const EventId& id, const std::string& expression) {
    return db.value("SELECT " + expression + " FROM orchestrator.inbox WHERE id = $1::uuid",
                    postgres::Params{}.add(id.view()));
  }

  tp::test::Database& db = empty_database();
  SystemRng rng;
  metrics::Registry registry;

 private:
  postgres::Pool pool_;
  std::optional<InboxWriter> writer_;
  std::list<Inbox> workers_;
};

inline std::vector<std::string> provider_ids(const std::vector<ClaimedEvent>& events) {
  std::vector<std::string> ids;
  for (const ClaimedEvent& event : events) ids.push_back(event.event.provider_id);
  return ids;
}

}  // namespace tp::gateway::test
