#include "gateway/inbox/inbox.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <map>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "fixture.h"
#include "gateway/inbox/purge.h"

namespace tp::gateway::test {
namespace {

using namespace std::chrono_literals;
using Names = std::vector<std::string>;

// "n,started,outcome,status,detail" of each attempt that ended.
Names attempts_of(Fixture& f, const EventId& id) {
  const auto rows = f.db.run(
      "SELECT concat_ws(',', n, agent, outcome, http_status, detail) FROM orchestrator.attempts WHERE "
      "event_id = "
      "$1::uuid ORDER BY finished_at",
      postgres::Params{}.add(id.view()));
  Names names;
  for (std::size_t row = 0; row < rows.size(); ++row) names.emplace_back(rows.text(row, 0));
  return names;
}

// ------------------------------------------------------------------ received

TEST_CASE("two workers never claim the same event") {
  Fixture f;
  Inbox& a = f.worker();
  Inbox& b = f.worker();
  std::vector<NewEvent> events;
  for (int i = 0; i < 500; ++i) events.push_back(new_event(std::to_string(i)));
  f.put(std::move(events));
  std::vector<std::vector<ClaimedEvent>> claimed(4);
  {
    std::vector<std::jthread> threads;
    for (std::size_t t = 0; t < claimed.size(); ++t) {
      threads.emplace_back([&, t] {
        while (true) {
          const auto some = must((t % 2 == 0 ? a : b).claim_received(f.ctx(), Lane::Normal, 7));
          if (some.empty()) return;
          claimed[t].insert(claimed[t].end(), some.begin(), some.end());
        }
      });
    }
  }
  std::set<EventId> ids;
  std::size_t claims = 0;
  for (const auto& some : claimed) {
    claims += some.size();
    for (const ClaimedEvent& event : some) {
      ids.insert(event.claim.id);
      CHECK(event.claim.fence == 1);
    }
  }
  CHECK(claims == 500);
  CHECK(ids.size() == 500);
}

TEST_CASE("a lane's events are claimed oldest first, and no other lane's") {
  Fixture f;
  Inbox& inbox = f.worker();
  for (const char* id : {"1", "2", "3"}) f.put(new_event(id));
  NewEvent interactive = new_event("4");
  interactive.lane = Lane::Interactive;
  f.put(interactive);
  CHECK(provider_ids(must(inbox.claim_received(f.ctx(), Lane::Normal, 2))) == Names{"1", "2"});
  CHECK(provider_ids(must(inbox.claim_received(f.ctx(), Lane::Normal, 2))) == Names{"3"});
  CHECK(provider_ids(must(inbox.claim_received(f.ctx(), Lane::Interactive, 2))) == Names{"4"});
}

TEST_CASE("an event that cannot be routed yet comes again when it is due") {
  Fixture f;
  Inbox& inbox = f.worker();
  f.put(new_event("1"));
  auto claimed = must(inbox.claim_received(f.ctx(), Lane::Normal, 1));
  REQUIRE(claimed.size() == 1);
  must(inbox.settle(f.ctx(), {{.claim = claimed[0].claim,
                               .state = State::Received,
                               .reason = "config_service_unavailable",
                               .delay = 1h,
                               .failed = true}}));
  CHECK(must(inbox.claim_received(f.ctx(), Lane::Normal, 1)).empty());
  f.db.run("UPDATE orchestrator.inbox SET due_at = now()");
  claimed = must(inbox.claim_received(f.ctx(), Lane::Normal, 1));
  REQUIRE(claimed.size() == 1);
  CHECK(claimed[0].failures == 1);
  CHECK(claimed[0].claim.fence == 2);
}

// ------------------------------------------------------------------ workers

TEST_CASE("only a worker that is alive claims") {
  Fixture f;
  Inbox& inbox = f.worker(0ms);
  f.put(new_event("1"));
  CHECK(must(inbox.claim_received(f.ctx(), Lane::Normal, 1)).empty());
  Inbox& alive = f.worker();
  f.arrive(alive, "o", "t", {"2"});
  CHECK(f.claim_all(inbox).empty());
  CHECK(f.claim_all(alive).empty());  // the turn was used up; nothing else comes
  must(alive.wake_forgotten(f.ctx()));
  CHECK(f.claim_all(alive).size() == 2);
}

TEST_CASE("what a lost worker held is given back, by whether its run may have begun") {
  Fixture f;
  Inbox& lost = f.worker();
  Inbox& other = f.worker();
  f.arrive(lost, "o", "t", {"begun", "not begun"});
  const auto claimed = f.claim_all(lost);
  REQUIRE(claimed.size() == 2);
  REQUIRE(must(lost.begin_attempts(f.ctx(), {{claimed[0].claim, "agent:1", 1h}})).size() == 1);
  f.put(new_event("received"));
  REQUIRE(must(lost.claim_received(f.ctx(), Lane::Normal, 1)).size() == 1);
  CHECK(must(other.reap(f.ctx())) == 0);

  f.db.run(
      "UPDATE orchestrator.workers SET alive_until = now() - interval '1 s' WHERE id = (SELECT worker_id "
      "FROM "
      "orchestrator.inbox LIMIT 1)");
  CHECK(must(other.reap(f.ctx())) == 3);
  CHECK(must(other.reap(f.ctx())) == 0);
  CHECK(f.state_of(claimed[0].claim.id) == "unknown/worker_lost");
  CHECK(f.state_of(claimed[1].claim.id) == "ready/worker_lost");
  CHECK(f.state_of(f.id_of("received")) == "received/worker_lost");
  CHECK(f.column(claimed[0].claim.id, "due_at = attempt_ends") == "t");
  CHECK(attempts_of(f, claimed[0].claim.id) == Names{"1,agent:1,unknown,the worker was lost"});
  CHECK(attempts_of(f, claimed[1].claim.id).empty());

  CHECK(provider_ids(f.claim_all(other)) == Names{"not begun"});
  CHECK(provider_ids(must(other.claim_received(f.ctx(), Lane::Normal, 9))) == Names{"received"});
  CHECK(must(other.claim_unknown(f.ctx(), 9)).empty());  // its run may still be going on
  f.db.run("UPDATE orchestrator.inbox SET due_at = now() WHERE state = 'unknown'");
  const auto unknown = must(other.claim_unknown(f.ctx(), 9));
  REQUIRE(unknown.size() == 1);
  CHECK(unknown[0].claimed.claim.id == claimed[0].claim.id);
  CHECK(unknown[0].claimed.claim.fence == claimed[0].claim.fence + 1);
  CHECK(unknown[0].claimed.attempts == 1);
  CHECK(unknown[0].claimed.uncertain == 1);
  CHECK(unknown[0].claimed.event.body == "body of begun");
  CHECK(unknown[0].org_id == "o");
  CHECK(unknown[0].team_node_id == "t");
  CHECK(std::chrono::abs(unknown[0].started_at - f.db.clock().wall_now()) < 1min);
  CHECK(must(other.claim_unknown(f.ctx(), 9)).empty());
}

TEST_CASE("a claim of a worker that is not known at all is given back too") {
  Fixture f;
  Inbox& lost = f.worker();
  f.put(new_event("1"));
  REQUIRE(must(lost.claim_received(f.ctx(), Lane::Normal, 1)).size() == 1);
  f.db.run("DELETE FROM orchestrator.workers");
  CHECK(must(f.worker().reap(f.ctx())) == 1);
}

TEST_CASE("a worker that ends gives back what it holds at once") {
  Fixture f;
  Inbox& inbox = f.worker();
  f.arrive(inbox, "o", "t", {"1"});
  REQUIRE(f.claim_all(inbox).size() == 1);
  must(inbox.retire(f.ctx()));
  CHECK(f.state_of(f.id_of("1")) == "ready/worker_lost");
  CHECK(provider_ids(f.claim_all(f.worker())) == Names{"1"});
}

TEST_CASE("what a claim took whose answer was lost is given back with the next heartbeats") {
  Fixture f;
  Inbox& inbox = f.worker();
  f.arrive(inbox, "o", "t", {"1"});
  const auto held = f.claim_all(inbox);
  REQUIRE(held.size() == 1);
  f.arrive(inbox, "o", "t", {"2"});
  f.put(new_event("3"));
  // The statements take effect, and nobody hears of it: the server would notice a closed connection after a
  // second.
  {
    const auto one = f.pool().acquire(f.ctx());
    const auto two = f.pool().acquire(f.ctx());
  }
  f.db.run(
      "CREATE FUNCTION orchestrator.slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM "
      "pg_sleep(0.6); "
      "RETURN "
      "NULL; END $$; CREATE CONSTRAINT TRIGGER slow AFTER UPDATE ON orchestrator.inbox DEFERRABLE INITIALLY "
      "DEFERRED "
      "FOR EACH ROW EXECUTE FUNCTION orchestrator.slow()");
  CHECK_FALSE(inbox.claim_team(f.ctx().child(f.db.clock(), 300ms), kRoomOnly, 10));
  CHECK_FALSE(inbox.claim_received(f.ctx().child(f.db.clock(), 300ms), Lane::Normal, 10));
  while (f.db.count("pg_stat_activity WHERE datname = current_database() AND state = 'active'") > 1) {
  }
  f.db.run("DROP TRIGGER slow ON orchestrator.inbox");
  CHECK(f.db.count("orchestrator.inbox WHERE worker_id IS NOT NULL AND provider_id IN ('2', '3')") == 2);

  must(inbox.heartbeat(f.ctx()));
  CHECK(f.db.count("orchestrator.inbox WHERE worker_id IS NULL AND reason = 'claim_lost'") == 2);
  CHECK(f.state_of(held[0].claim.id) == "running/");
  CHECK(provider_ids(f.claim_all(inbox)) == Names{"2"});
  CHECK(provider_ids(must(inbox.claim_received(f.ctx(), Lane::Normal, 9))) == Names{"3"});
  for (int i = 0; i < 3; ++i) must(inbox.heartbeat(f.ctx()));
  CHECK(f.db.count("orchestrator.inbox WHERE worker_id IS NULL") == 0);
}

// ------------------------------------------------------------------ fences

TEST_CASE("a claim that a crash of the database undid gives no right to another's") {
  Fixture f;
  Inbox& undone = f.worker();
  Inbox& other = f.worker();
  f.arrive(undone, "o", "t", {"1"});
  const auto claimed = f.claim_all(undone);
  REQUIRE(claimed.size() == 1);
  f.db.run(
      "UPDATE orchestrator.inbox SET state = 'ready', worker_id = NULL, fence = fence - 1; UPDATE "
      "orchestrator.team_queues SET next_due = now()");
  const auto again = f.claim_all(other);
  REQUIRE(again.size() == 1);
  REQUIRE(again[0].claim == claimed[0].claim);
  CHECK(must(undone.begin_attempts(f.ctx(), {{claimed[0].claim, "a", 1h}})).empty());
  f.finish(undone, claimed[0]);
  f.finish(undone, claimed[0], State::Retrying);
  CHECK(f.state_of(claimed[0].claim.id) == "running/");
  f.finish(other, again[0]);
  CHECK(f.state_of(claimed[0].claim.id) == "done/test");
}

TEST_CASE("an answer with an old fence changes nothing") {
  Fixture f;
  Inbox& slow = f.worker();
  Inbox& other = f.worker();
  f.arrive(slow, "o", "t", {"1"});
  const auto old = f.claim_all(slow);
  REQUIRE(old.size() == 1);
  must(slow.retire(f.ctx()));
  const auto claimed = f.claim_all(other);
  REQUIRE(claimed.size() == 1);

  f.finish(slow, old[0]);
  must(slow.settle(f.ctx(), {{.claim = old[0].claim, .state = State::Retrying, .reason = "x"}}));
  must(slow.route(f.ctx(), {{old[0].claim, "o2", "t2", 1h}}));
  must(slow.heartbeat(f.ctx()));
  CHECK(must(slow.begin_attempts(f.ctx(), {{old[0].claim, "a", 1h}})).empty());
  CHECK(f.state_of(claimed[0].claim.id) == "running/");
  CHECK(must(other.begin_attempts(f.ctx(), {{claimed[0].claim, "a", 1h}})).size() == 1);
  f.finish(other, claimed[0]);
  CHECK(f.state_of(claimed[0].claim.id) == "done/test");
}

TEST_CASE("a worker that was given up may bring its outcome until somebody else claims the event") {
  Fixture f;
  Inbox& slow = f.worker();
  f.arrive(slow, "o", "t", {"1", "2"});
  const auto claimed = f.claim_all(slow);
  REQUIRE(claimed.size() == 2);
  REQUIRE(must(slow.begin_attempts(f.ctx(), {{claimed[0].claim, "a:1", 1h}, {claimed[1].claim, "a:1", 1h}}))
              .size() == 2);
  must(slow.retire(f.ctx()));
  CHECK(must(slow.begin_attempts(f.ctx(), {{claimed[0].claim, "a:1", 1h}})).empty());  // but no new one
  must(slow.settle(
      f.ctx(), {{.claim = claimed[0].claim, .state = State::Done, .outcome = "finished", .http_status = 200},
                {.claim = claimed[1].claim, .state = State::Retrying, .reason = "cut", .outcome = "cut"}}));
  CHECK(f.state_of(claimed[0].claim.id) == "done/");
  CHECK(attempts_of(f, claimed[0].claim.id) ==
        Names{"1,a:1,unknown,the worker was lost", "1,a:1,finished,200,"});
  CHECK(f.state_of(claimed[1].claim.id) == "retrying/cut");
}

TEST_CASE("what ends a claim does so once, however often it is said") {
  Fixture f;
  Inbox& inbox = f.worker();
  f.arrive(inbox, "o", "t", {"1"});
  const auto claimed = f.claim_all(inbox);
  REQUIRE(claimed.size() == 1);
  const std::vector<Inbox::Begin> begin{{claimed[0].claim, "a:1", 1h}};
  for (int i = 0; i < 2; ++i) CHECK(must(inbox.begin_attempts(f.ctx(), begin)).size() == 1);
  CHECK(f.column(claimed[0].claim.id, "attempts") == "1");
  for (int i = 0; i < 2; ++i) {
    must(inbox.settle(f.ctx(), {{.claim = claimed[0].claim,
                                 .state = State::Retrying,
                                 .reason = "cut",
                                 .delay = 1h,
                                 .failed = true,
                                 .uncertain = true,
                                 .outcome = "cut"}}));
  }
  CHECK(f.column(claimed[0].claim.id, "concat_ws(',', failures, uncertain, attempts)") == "1,1,1");
  CHECK(attempts_of(f, claimed[0].claim.id) == Names{"1,a:1,cut,"});
}

// ------------------------------------------------------------------ turns

TEST_CASE("teams have their turns one after the other, whatever waits in them") {
  Fixture f;
  Inbox& inbox = f.worker();
  std::vector<NewEvent> flood;
  for (int i = 0; i < 200; ++i) flood.push_back(new_event("f" + std::to_string(i)));
  f.put(std::move(flood));
  f.route_all(inbox, "o", "flood");
  f.arrive(inbox, "o", "quiet", {"q"});
  const TeamLimits limits{.in_flight = 1000, .per_second = 0, .burst = 0, .per_hour = 0};
  Names turns;
  for (int i = 0; i < 4; ++i) {
    const auto turn = must(inbox.claim_team(f.ctx(), limits, 10));
    REQUIRE(turn);
    turns.push_back(turn->team_node_id + " " + std::to_string(turn->events.size()));
  }
  std::sort(turns.begin(), turns.begin() + 2);  // both were new
  CHECK(turns == Names{"flood 10", "quiet 1", "flood 10", "flood 10"});
}

TEST_CASE("a routed event says how long it may be retried, counted from its arrival") {
  Fixture f;
  Inbox& inbox = f.worker();
  f.put(new_event("1"));
  f.db.run("UPDATE orchestrator.inbox SET since = now() - interval '2 h'");
  f.route_all(inbox, "o", "t");
  const auto claimed = f.claim_all(inbox);
  REQUIRE(claimed.size() == 1);
  CHECK(claimed[0].age > 119min);
  CHECK(claimed[0].retry_for <= 4h);
  CHECK(claimed[0].retry_for > 239min);
}

TEST_CASE(
    "a team has no more runs in flight than it may, over all workers, and the end of one starts the next") {
  Fixture f;
  Inbox& a = f.worker();
  Inbox& b = f.worker();
  Names ids;
  for (int i = 0; i < 10; ++i) ids.push_back(std::to_string(i));
  f.arrive(a, "o", "t", ids);
  const TeamLimits limits{.in_flight = 3, .per_second = 0, .burst = 0, .per_hour = 0};
  auto first = must(a.claim_team(f.ctx(), limits, 2));
  REQUIRE(first);
  CHECK(provider_ids(first->events) == Names{"0", "1"});
  CHECK(provider_ids(f.claim_all(b, limits)) == Names{"2"});
  CHECK(f.claim_all(a, limits).empty());
  CHECK(must(a.depth(f.ctx())).events ==
        std::map<State, std::int64_t>{{State::Held, 7}, {State::Running, 3}});

  f.finish(a, first->events[0]);
  CHECK(provider_ids(f.claim_all(b, limits)) == Names{"3"});
  // One that is to be retried later frees its place at once.
  must(a.settle(f.ctx(),
                {{.claim = first->events[1].claim, .state = State::Retrying, .reason = "x", .delay = 1h}}));
  CHECK(provider_ids(f.claim_all(b, limits)) == Names{"4"});
}

TEST_CASE("many workers together keep to a team's limits") {
  Fixture f;
  Inbox& inbox = f.worker();
  std::vector<NewEvent> events;
  for (int i = 0; i < 300; ++i) events.push_back(new_event(std::to_string(i)));
  f.put(std::move(events));
  f.route_all(inbox, "o", "t");
  const TeamLimits limits{.in_flight = 5, .per_second = 0, .burst = 0, .per_hour = 200};
  std::atomic<int> running{0};
  std::atomic<int> most{0};
  std::atomic<int> runs{0};
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 6; ++t) {
      threads.emplace_back([&] {
        for (int empty = 0; empty < 50;) {
          const auto turn = must(inbox.claim_team(f.ctx(), limits, 3));
          empty = turn && !turn->events.empty() ? 0 : empty + 1;
          if (!turn) continue;
          const int now = running += static_cast<int>(turn->events.size());
          for (int seen = most; seen < now && !most.compare_exchange_weak(seen, now);) {
          }
          for (const ClaimedEvent& event : turn->events) {
            --running;
            ++runs;
            f.finish(inbox, event);
          }
        }
      });
    }
  }
  CHECK(most <= 5);
  CHECK(runs == 200);
  CHECK(f.db.value("SELECT held FROM orchestrator.team_queues") == "hourly_cap");
}

TEST_CASE("a team starts no more runs than its rate allows, and looks again when the next is allowed") {
  Fixture f;
  Inbox& inbox = f.worker();
  f.arrive(inbox, "o", "t", {"1", "2", "3", "4", "5"});
  const TeamLimits limits{.in_flight = 20, .per_second = 0.001, .burst = 3, .per_hour = 0};
  CHECK(f.claim_all(inbox, limits).size() == 3);
  CHECK(f.db.value("SELECT held FROM orchestrator.team_queues") == "rate");
  CHECK(f.db.count("orchestrator.team_queues WHERE next_due BETWEEN now() + interval '900 s' AND now() + "
                   "interval '1001 "
                   "s'") == 1);
  f.db.run("UPDATE orchestrator.team_queues SET tokens_at = tokens_at - interval '1000 s', next_due = now()");
  CHECK(f.claim_all(inbox, limits).size() == 1);
  CHECK(must(inbox.depth(f.ctx())).events.at(State::Held) == 1);
}

TEST_CASE("a team starts no more runs an hour than it may, or than a control says") {
  Fixture f;
  Inbox& inbox = f.worker();
  f.arrive(inbox, "o", "t", {"1", "2", "3", "4", "5"});
  const TeamLimits limits{.in_flight = 20, .per_second = 0, .burst = 0, .per_hour = 2};
  CHECK(f.claim_all(inbox, limits).size() == 2);
  CHECK(f.db.value("SELECT held FROM orchestrator.team_queues") == "hourly_cap");
  CHECK(f.db.count("orchestrator.team_queues WHERE next_due BETWEEN now() + interval '59 min' AND now() + "
                   "interval '60 "
                   "min'") == 1);
  const auto control = [&](const char* org, const char* team, int runs) {
    f.db.run(
        "INSERT INTO orchestrator.controls (org_id, team_node_id, runs_per_hour, changed_by) VALUES ($1, $2, "
        "$3, "
        "'me')",
        postgres::Params{}.add(org).add(team).add(runs));
    f.db.run("UPDATE orchestrator.team_queues SET next_due = now()");
  };
  control("", "", 1);
  CHECK(f.claim_all(inbox, limits).empty());
  control("o", "", 3);
  CHECK(f.claim_all(inbox, limits).size() == 1);
  control("o", "t", 4);
  CHECK(f.claim_all(inbox, limits).size() == 1);
  control("o", "another", 100);
  CHECK(f.claim_all(inbox, limits).empty());
}

TEST_CASE("a pause holds the events of everyone, an org, a team or a source, and nothing is lost by it") {
  Fixture f;
  Inbox& inbox = f.worker();
  const auto [source, org, team, concerned] =
      GENERATE(table<const char*, const char*, const char*, bool>({{"", "", "", true},
                                                                   {"", "o", "", true},
                                                                   {"", "o", "t", true},
                                                                   {"github", "", "", true},
                                                                   {"github", "o", "", true},
                                                                   {"github", "o", "t", true},
                                                                   {"slack", "", "", false},
                                                                   {"", "o2", "", false},
                                                                   {"", "o", "t2", false},
                                                                   {"github", "o2", "", false}}));
  CAPTURE(source, org, team);
  f.db.run(
      "INSERT INTO orchestrator.controls (source, org_id, team_node_id, paused, changed_by) VALUES ($1, $2, "
      "$3, "
      "true, 'me')",
      postgres::Params{}.add(source).add(org).add(team));
  f.arrive(inbox, "o", "t", {"1"});
  CHECK(f.claim_all(inbox).size() == (concerned ? 0U : 1U));
  if (!concerned) return;
  must(inbox.wake_forgotten(f.ctx()));
  CHECK(f.claim_all(inbox).empty());
  f.db.run("DELETE FROM orchestrator.controls");
  must(inbox.wake_forgotten(f.ctx()));
  CHECK(f.claim_all(inbox).size() == 1);
}

TEST_CASE("a paused source does not stop a team's other events") {
  Fixture f;
  Inbox& inbox = f.worker();
  f.db.run("INSERT INTO orchestrator.controls (source, paused, changed_by) VALUES ('github', true, 'me')");
  NewEvent page = new_event("page");
  page.source = SourceKind::PagerDuty;
  f.put({new_event("comment"), page});
  f.route_all(inbox, "o", "t");
  CHECK(provider_ids(f.claim_all(inbox)) == Names{"page"});
}

TEST_CASE("a team's own agent is told when it is ready") {
  Fixture f;
  Inbox& inbox = f.worker();
  f.db.run(
      "INSERT INTO orchestrator.team_runtimes (org_id, team_node_id, service_url, ready) VALUES ('o', 'a', "
      "'http://a', true), ('o', 'b', 'http://b', false)");
  for (const char* team : {"a", "b", "c"}) f.arrive(inbox, "o", team, {team});
  std::map<std::string, std::string> urls;
  while (const auto turn = must(inbox.claim_team(f.ctx(), kRoomOnly, 10)))
    urls[turn->team_node_id] = turn->runtime_url;
  CHECK(urls == std::map<std::string, std::string>{{"a", "http://a"}, {"b", ""}, {"c", ""}});
}

TEST_CASE("a team with nothing to do is looked at again when the next event is due") {
  Fixture f;
  Inbox& inbox = f.worker();
  f.arrive(inbox, "o", "t", {"1", "2"});
  const auto claimed = f.claim_all(inbox);
  REQUIRE(claimed.size() == 2);
  must(inbox.settle(f.ctx(),
                    {{.claim = claimed[0].claim, .state = State::Retrying, .reason = "x", .delay = 1h}}));
  f.finish(inbox, claimed[1]);
  CHECK(f.claim_all(inbox).empty());
  CHECK(f.db.count("orchestrator.team_queues q JOIN orchestrator.inbox i USING (org_id, team_node_id) WHERE "
                   "q.next_due = "
                   "i.due_at") == 1);
  f.db.run(
      "UPDATE orchestrator.inbox SET due_at = now(); UPDATE orchestrator.team_queues SET next_due = now()");
  CHECK(provider_ids(f.claim_all(inbox)) == Names{"1"});
}

// ------------------------------------------------------------------ order

TEST_CASE("events of one order key run one after the other") {
  Fixture f;
  Inbox& inbox = f.worker();
  f.arrive(inbox, "o", "t", {"1", "2", "3"}, "incident");
  f.arrive(inbox, "o", "t", {"other"}, "another incident");
  f.arrive(inbox, "o", "t", {"free"});
  auto claimed = f.claim_all(inbox);
  CHECK(provider_ids(claimed) == Names{"1", "other", "free"});
  const auto one = claimed[0];
  f.finish(inbox, claimed[1]);
  f.finish(inbox, claimed[2]);
  CHECK(f.claim_all(inbox).empty());

  SECTION("the next when the first has ended") {
    f.finish(inbox, one, State::Dead);
    claimed = f.claim_all(inbox);
    CHECK(provider_ids(claimed) == Names{"2"});
    f.finish(inbox, claimed[0]);
    CHECK(provider_ids(f.claim_all(inbox)) == Names{"3"});
  }
  SECTION("not while the first is to be retried") {
    must(inbox.settle(f.ctx(), {{.claim = one.claim, .state = State::Retrying, .reason = "x", .delay = 1h}}));
    f.db.run("UPDATE orchestrator.inbox SET due_at = now() WHERE state = 'ready'");
    CHECK(f.claim_all(inbox).empty());
  }
  SECTION("nor while nobody knows about the first") {
    must(inbox.settle(f.ctx(), {{.claim = one.claim, .state = State::Unknown, .reason = "x", .delay = 1h}}));
    f.db.run("UPDATE orchestrator.inbox SET due_at = now() WHERE state = 'ready'");
    CHECK(f.claim_all(inbox).empty());
  }
  SECTION("also when several end in one statement") {
    f.db.run("UPDATE orchestrator.inbox SET state = 'running' WHERE provider_id = '2'");
    must(inbox.settle(f.ctx(), {{.claim = one.claim, .state = State::Done},
                                {.claim = {f.id_of("2"), 1}, .state = State::Done}}));
    CHECK(f.db.count("orchestrator.events WHERE provider_id IN ('1', '2')") == 2);
    CHECK(provider_ids(f.claim_all(inbox)) == Names{"3"});
  }
}

TEST_CASE("an event that ends without a team frees those that wait for it in one") {
  Fixture f;
  Inbox& inbox = f.worker();
  NewEvent first = new_event("first");
  first.order_key = "k";
  f.put(first);
  const auto claimed = must(inbox.claim_received(f.ctx(), Lane::Normal, 1));
  f.arrive(inbox, "o", "t", {"second"}, "k");
  CHECK(f.claim_all(inbox).empty());
  f.finish(inbox, claimed.at(0), GENERATE(State::Ignored, State::Unrouted));
  CHECK(provider_ids(f.claim_all(inbox)) == Names{"second"});
}

TEST_CASE("order keys of two tenants have nothing to do with each other") {
  Fixture f;
  Inbox& inbox = f.worker();
  for (const char* org : {"o1", "o2"}) {
    NewEvent event = new_event(org);
    event.order_key = "k";
    event.scope = {org, ""};
    f.put(event);
    f.route_all(inbox, org, "t");
  }
  CHECK(f.claim_all(inbox).size() == 2);
}

TEST_CASE("a long queue behind one event does not keep a team's others waiting") {
  Fixture f;
  Inbox& inbox = f.worker();
  std::vector<NewEvent> events;
  for (int i = 0; i < 1000; ++i) {
    events.push_back(new_event(std::to_string(i)));
    events.back().order_key = "k";
  }
  f.put(std::move(events));
  f.route_all(inbox, "o", "t");
  f.arrive(inbox, "o", "t", {"free"});
  const auto claimed = f.claim_all(inbox);
  CHECK(claimed.size() == 2);
  CHECK(f.state_of(f.id_of("free")) == "running/");
}

// ------------------------------------------------------------------ ends

TEST_CASE("each state leaves an event where it belongs") {
  Fixture f;
  Inbox& inbox = f.worker();
  const auto [state, kept] = GENERATE(table<State, bool>({{State::Received, true},
                                                          {State::Ready, true},
                                                          {State::Retrying, true},
                                                          {State::Unknown, true},
                                                          {State::Done, false},
                                                          {State::Ignored, false},
                                                          {State::Unrouted, false},
                                                          {State::Dead, false}}));
  CAPTURE(to_string(state));
  NewEvent event = new_event("1");
  event.scope = {"o", ""};
  f.put(event);
  f.route_all(inbox, "o", "t");
  const auto claimed = f.claim_all(inbox);
  REQUIRE(claimed.size() == 1);
  REQUIRE(must(inbox.begin_attempts(f.ctx(), {{claimed[0].claim, "agent:80", 1h}})).size() == 1);
  must(inbox.settle(f.ctx(), {{.claim = claimed[0].claim,
                               .state = state,
                               .reason = "why",
                               .delay = 1h,
                               .failed = true,
                               .uncertain = true,
                               .outcome = "cut",
                               .http_status = 502,
                               .detail = "peer closed"}}));
  CHECK(f.state_of(claimed[0].claim.id) == std::string{to_string(state)} + "/why");
  CHECK(attempts_of(f, claimed[0].claim.id) == Names{"1,agent:80,cut,502,peer closed"});
  CHECK(f.db.count("orchestrator.inbox") == (kept ? 1 : 0));
  CHECK(f.db.count("orchestrator.events") == (kept ? 0 : 1));
  if (kept) {
    CHECK(f.column(claimed[0].claim.id,
                   "concat_ws(',', worker_id IS NULL, attempt_open, failures, uncertain, due_at > now() + "
                   "interval '59 "
                   "min')") == "t,f,1,1,t");
  } else {
    CHECK(f.db.value("SELECT concat_ws(',', source, kind, provider_id, org_id, team_node_id, attempts, "
                     "uncertain, fence, "
                     "started_at IS NOT NULL) FROM orchestrator.events") ==
          "github,issue_comment,1,o,t,1,1,2,t");
  }
}

TEST_CASE("an event that ends before it is routed belongs to its secret's org") {
  Fixture f;
  Inbox& inbox = f.worker();
  NewEvent event = new_event("1");
  event.scope = {"o", "t"};
  f.put({event, new_event("2")});
  for (const auto& claimed : must(inbox.claim_received(f.ctx(), Lane::Normal, 2)))
    f.finish(inbox, claimed, State::Ignored);
  CHECK(f.db.value("SELECT org_id || '/' || team_node_id FROM orchestrator.events WHERE provider_id = '1'") ==
        "o/t");
  CHECK(f.db.count(
            "orchestrator.events WHERE provider_id = '2' AND org_id IS NULL AND team_node_id IS NULL") == 1);
}

// ------------------------------------------------------------------ duplicates

TEST_CASE("deliveries of known events are counted, and one of a dead GitHub event makes it new again") {
  Fixture f;
  Inbox& inbox = f.worker();
  must(inbox.count_duplicates(f.ctx()));
  f.arrive(inbox, "o", "t", {"open", "done", "dead", "gone"});
  NewEvent page = new_event("page");
  page.source = SourceKind::PagerDuty;
  f.put(page);
  f.route_all(inbox, "o", "t");
  for (const auto& event : f.claim_all(inbox)) {
    if (event.event.provider_id == "open") continue;
    REQUIRE(must(inbox.begin_attempts(f.ctx(), {{event.claim, "a:1", 1h}})).size() == 1);
    must(inbox.settle(f.ctx(), {{.claim = event.claim,
                                 .state = event.event.provider_id == "done" ? State::Done : State::Dead,
                                 .reason = "x",
                                 .outcome = "x"}}));
  }
  f.db.run("DELETE FROM orchestrator.payloads WHERE event_id = $1::uuid",
           postgres::Params{}.add(f.id_of("gone").view()));
  for (int i = 0; i < 2; ++i)
    f.put({new_event("open"), new_event("done"), new_event("dead"), new_event("gone"), page});
  must(inbox.count_duplicates(f.ctx()));
  CHECK(f.db.count("orchestrator.duplicates") == 0);
  CHECK(f.state_of(f.id_of("open")) == "running/");
  CHECK(f.state_of(f.id_of("done")) == "done/x");
  CHECK(f.state_of(f.id_of("gone")) == "dead/x");
  CHECK(f.state_of(f.id_of("page")) == "dead/x");
  CHECK(f.state_of(f.id_of("dead")) == "received/redelivered");
  for (const char* id : {"open", "done", "dead", "gone", "page"}) {
    CHECK(f.db.value("SELECT duplicates FROM orchestrator.inbox WHERE provider_id = $1 UNION ALL SELECT "
                     "duplicates FROM "
                     "orchestrator.events WHERE provider_id = $1",
                     postgres::Params{}.add(id)) == "2");
  }

  const auto again = must(inbox.claim_received(f.ctx(), Lane::Normal, 9));
  REQUIRE(provider_ids(again) == Names{"dead"});
  CHECK(again[0].claim.fence == 3);
  CHECK(again[0].attempts == 1);
  CHECK(again[0].failures == 0);
  must(inbox.route(f.ctx(), {{again[0].claim, "o", "t", 1h}}));
  const auto claimed = f.claim_all(inbox);
  REQUIRE(claimed.size() == 1);
  CHECK(claimed[0].retry_for > 59min);
  REQUIRE(must(inbox.begin_attempts(f.ctx(), {{claimed[0].claim, "a:1", 1h}})).size() == 1);
  CHECK(f.column(claimed[0].claim.id, "attempts") == "2");
}

// ------------------------------------------------------------------ upkeep

TEST_CASE("partitions are made ahead, and those whose time is over go with what is in them") {
  Fixture f;
  Inbox& inbox = f.worker();
  const auto partitions = [&](const std::string& parent) {
    return f.db.count("pg_inherits WHERE inhparent = 'orchestrator." + parent + "'::regclass");
  };
  for (const char* parent : {"payloads", "attempts", "events"})
    CHECK(partitions(parent) == 5);  // 4 days and the default
  must(inbox.maintain(f.ctx(), 14, 90));
  CHECK(partitions("events") == 5);
  const auto day = [&](const std::string& parent, int ago) {
    f.db.run("DO $$ DECLARE d date := (now() AT TIME ZONE 'UTC')::date - " + std::to_string(ago) +
             "; BEGIN EXECUTE format('CREATE TABLE orchestrator." + parent +
             "_%s PARTITION OF orchestrator." + parent +
             " FOR VALUES FROM (%L) TO (%L)', to_char(d, 'YYYYMMDD'), d::timestamp AT TIME ZONE 'UTC', (d + "
             "1)::timestamp AT "
             "TIME ZONE 'UTC'); END $$");
  };
  for (const int ago : {14, 15}) day("payloads", ago);
  for (const int ago : {90, 91}) day("events", ago);
  must(inbox.maintain(f.ctx(), 14, 90));
  CHECK(partitions("payloads") == 6);
  CHECK(partitions("events") == 6);
  f.put(new_event("today"));
  CHECK(f.db.count("orchestrator.payloads_default") == 0);
  const auto wrong = inbox.maintain(f.ctx(), 14, 13);
  CHECK_FALSE(wrong);
}

TEST_CASE("what is older than may be kept goes, and an open event without a payload is dead") {
  Fixture f;
  Inbox& inbox = f.worker();
  f.arrive(inbox, "o", "t", {"old", "new"});
  f.db.run("UPDATE orchestrator.inbox SET received_at = now() - interval '20 d' WHERE provider_id = 'old'");
  f.db.run("UPDATE orchestrator.payloads SET received_at = now() - interval '20 d' WHERE event_id = $1::uuid",
           postgres::Params{}.add(f.id_of("old").view()));
  f.db.run(
      "UPDATE orchestrator.dedupe_keys SET expires_at = now() - interval '1 s' WHERE event_id = $1::uuid",
      postgres::Params{}.add(f.id_of("old").view()));
  CHECK(f.db.count("orchestrator.payloads_default") == 1);
  must(inbox.maintain(f.ctx(), 14, 90));
  CHECK(f.state_of(f.id_of("old")) == "dead/expired");
  CHECK(f.state_of(f.id_of("new")) == "ready/");
  CHECK(f.db.count("orchestrator.payloads") == 1);
  CHECK(f.db.count("orchestrator.dedupe_keys") == 1);
  CHECK(f.put(new_event("old")).fresh == 1);  // it is not remembered any more
}

TEST_CASE("the depth of the inbox by state, and the age of what could be worked on") {
  Fixture f;
  Inbox& inbox = f.worker();
  CHECK(must(inbox.depth(f.ctx())).events.empty());
  f.arrive(inbox, "o", "t", {"1", "2"});
  f.put({new_event("3"), new_event("4"), new_event("5")});
  f.db.run("UPDATE orchestrator.inbox SET since = now() - interval '90 s' WHERE provider_id = '2'");
  Depth depth = must(inbox.depth(f.ctx()));
  CHECK(depth.events == std::map<State, std::int64_t>{{State::Received, 3}, {State::Ready, 2}});
  CHECK(depth.oldest >= 90s);
  f.db.run("UPDATE orchestrator.team_queues SET held = 'paused'");
  depth = must(inbox.depth(f.ctx()));
  CHECK(depth.events == std::map<State, std::int64_t>{{State::Received, 3}, {State::Held, 2}});
  CHECK(depth.oldest < 80s);
}

TEST_CASE("a team's bodies go, those of others stay, and what had not ended is dead") {
  Fixture f;
  Inbox& inbox = f.worker();
  f.arrive(inbox, "o", "t", {"done", "open", "running"});
  f.arrive(inbox, "o", "u", {"other"});
  auto claimed = f.claim_all(inbox);
  for (const ClaimedEvent& event : claimed) {
    if (event.event.provider_id == "done") f.finish(inbox, event);
  }
  NewEvent scoped = new_event("scoped");
  scoped.scope = {"o", "t"};
  f.put(std::move(scoped));
  f.put(new_event("nobody"));

  CHECK(must(purge_team(f.ctx(), f.pool(), "o", "t")) == 4);
  CHECK(f.state_of(f.id_of("done")) == "done/test");
  for (const char* id : {"open", "running", "scoped"}) {
    CAPTURE(id);
    CHECK(f.state_of(f.id_of(id)) == "dead/purged");
  }
  CHECK(f.state_of(f.id_of("nobody")) == "received/");
  CHECK(f.db.count("orchestrator.payloads") == 2);
  CHECK(f.db.count("orchestrator.events WHERE org_id = 'o' AND team_node_id = 't'") == 4);
  CHECK(must(purge_team(f.ctx(), f.pool(), "o", "t")) == 0);

  // The run in flight ends, and finds its claim void.
  for (const ClaimedEvent& event : claimed) {
    if (event.event.provider_id == "running") f.finish(inbox, event);
  }
  CHECK(f.state_of(f.id_of("running")) == "dead/purged");
  CHECK(f.db.count("orchestrator.events") == 4);
}

}  // namespace
}  // namespace tp::gateway::test
