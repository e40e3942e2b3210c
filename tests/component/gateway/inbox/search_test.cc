#include "gateway/inbox/search.h"

#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "fixture.h"
#include "gateway/inbox/controls.h"
#include "gateway/inbox/replay.h"

namespace tp::gateway::test {
namespace {

using namespace std::chrono_literals;
using Names = std::vector<std::string>;

Names found(Fixture& f, const EventQuery& query) {
  Names names;
  for (const EventSummary& event : must(EventSearch{f.pool()}.find(f.ctx(), query)).events)
    names.push_back(event.provider_id);
  return names;
}

// Five events: two of org o1 (done, ready), one of o2 (dead), one whose secret was o2's (ignored), one of
// nobody (received).
void fill(Fixture& f) {
  Inbox& inbox = f.worker();
  f.arrive(inbox, "o1", "a", {"1"});
  f.finish(inbox, f.claim_all(inbox).at(0));
  f.arrive(inbox, "o1", "b", {"2"});
  NewEvent page = new_event("3");
  page.source = SourceKind::PagerDuty;
  page.kind = "incident.triggered";
  f.put(page);
  f.route_all(inbox, "o2", "a");
  for (const auto& event : f.claim_all(inbox)) {
    if (event.event.provider_id == "3") {
      f.finish(inbox, event, State::Dead);
    } else {
      must(inbox.settle(f.ctx(), {{.claim = event.claim, .state = State::Ready}}));
    }
  }
  NewEvent scoped = new_event("4");
  scoped.scope = {"o2", ""};
  f.put(scoped);
  f.finish(inbox, must(inbox.claim_received(f.ctx(), Lane::Normal, 1)).at(0), State::Ignored);
  f.put(new_event("5"));
}

TEST_CASE("events are found by what is asked, open or ended, newest first") {
  Fixture f;
  fill(f);
  CHECK(found(f, {}) == Names{"5", "4", "3", "2", "1"});
  CHECK(found(f, {.org_id = "o1"}) == Names{"2", "1"});
  CHECK(found(f, {.org_id = "o2"}) == Names{"4", "3"});
  CHECK(found(f, {.org_id = "o1", .team_node_id = "a"}) == Names{"1"});
  CHECK(found(f, {.source = SourceKind::PagerDuty}) == Names{"3"});
  CHECK(found(f, {.kind = "incident.triggered"}) == Names{"3"});
  CHECK(found(f, {.states = {State::Done}}) == Names{"1"});
  CHECK(found(f, {.states = {State::Received}}) == Names{"5"});
  CHECK(found(f, {.states = {State::Dead, State::Ready}}) == Names{"3", "2"});
  CHECK(found(f, {.id = f.id_of("2")}) == Names{"2"});
  CHECK(found(f, {.id = f.id_of("3"), .org_id = "o1"}).empty());
  const WallTime now = f.db.clock().wall_now();
  CHECK(found(f, {.from = now - 1h, .until = now + 1h}).size() == 5);
  CHECK(found(f, {.from = now + 1h}).empty());
  CHECK(found(f, {.until = now - 1h}).empty());
}

TEST_CASE("pages follow each other without a gap, also when events end meanwhile") {
  Fixture f;
  fill(f);
  const EventSearch search{f.pool()};
  Names names;
  EventQuery query{.limit = 2};
  for (bool more = true; more;) {
    const EventPage page = must(search.find(f.ctx(), query));
    for (const EventSummary& event : page.events) names.push_back(event.provider_id);
    query.before = page.events.back().id;
    more = page.more;
  }
  CHECK(names == Names{"5", "4", "3", "2", "1"});
}

TEST_CASE("an event shows all but what its sender wrote") {
  Fixture f;
  fill(f);
  const EventSearch search{f.pool()};
  const auto ended = must(search.find(f.ctx(), {.id = f.id_of("3")})).events.at(0);
  CHECK(ended.source == "pagerduty");
  CHECK(ended.kind == "incident.triggered");
  CHECK(ended.state == "dead");
  CHECK(ended.reason == "test");
  CHECK(ended.org_id == "o2");
  CHECK(ended.team_node_id == "a");
  CHECK(ended.finished_at);
  CHECK_FALSE(ended.due_at);
  CHECK_FALSE(ended.started_at);
  CHECK(ended.body_bytes == 9);
  const auto open = must(search.find(f.ctx(), {.id = f.id_of("5")})).events.at(0);
  CHECK(open.state == "received");
  CHECK(open.org_id.empty());
  CHECK(open.due_at);
  CHECK_FALSE(open.finished_at);
  CHECK(std::chrono::abs(open.received_at - f.db.clock().wall_now()) < 1min);
}

TEST_CASE("attempts are told in order, and one that is under way is open") {
  Fixture f;
  Inbox& inbox = f.worker();
  f.arrive(inbox, "o", "t", {"1"});
  const EventSearch search{f.pool()};
  for (int n = 1; n <= 2; ++n) {
    f.db.run(
        "UPDATE orchestrator.inbox SET due_at = now(); UPDATE orchestrator.team_queues SET next_due = now()");
    const auto claimed = f.claim_all(inbox);
    REQUIRE(claimed.size() == 1);
    REQUIRE(must(inbox.begin_attempts(f.ctx(), {{claimed[0].claim, "agent:80", 1h}})).size() == 1);
    if (n == 2) break;
    must(inbox.settle(f.ctx(), {{.claim = claimed[0].claim,
                                 .state = State::Retrying,
                                 .reason = "refused",
                                 .outcome = "refused",
                                 .http_status = 503,
                                 .detail = "busy"}}));
  }
  const auto attempts = must(search.attempts(f.ctx(), f.id_of("1")));
  REQUIRE(attempts.size() == 2);
  CHECK(attempts[0].n == 1);
  CHECK(attempts[0].outcome == "refused");
  CHECK(attempts[0].http_status == 503);
  CHECK(attempts[0].detail == "busy");
  CHECK(attempts[0].finished_at);
  CHECK(attempts[1].n == 2);
  CHECK(attempts[1].outcome == "open");
  CHECK(attempts[1].agent == "agent:80");
  CHECK_FALSE(attempts[1].finished_at);
  CHECK_FALSE(attempts[1].http_status);
}

TEST_CASE("an event that waits for its team's limits or for a pause is held, with the reason") {
  Fixture f;
  Inbox& inbox = f.worker();
  const Controls controls{f.pool()};
  const EventSearch search{f.pool()};
  const auto state = [&] {
    const auto event = must(search.find(f.ctx(), {.id = f.id_of("1")})).events.at(0);
    return event.state + "/" + event.reason;
  };
  f.arrive(inbox, "o", "t", {"1"});
  CHECK(state() == "ready/");
  must(controls.put(f.ctx(), {.source = "github", .paused = true, .changed_by = "me"}));
  CHECK(state() == "held/paused");
  CHECK(found(f, {.states = {State::Held}}) == Names{"1"});
  CHECK(found(f, {.states = {State::Ready}}).empty());
  must(controls.put(f.ctx(), {.source = "github"}));
  must(controls.put(f.ctx(), {.org_id = "o", .runs_per_hour = 0, .changed_by = "me"}));
  CHECK(f.claim_all(inbox).empty());
  CHECK(state() == "held/paused");
  must(controls.put(f.ctx(), {.org_id = "o"}));
  CHECK(f.claim_all(inbox, {.in_flight = 0, .per_second = 0, .burst = 0, .per_hour = 0}).empty());
  CHECK(state() == "held/in_flight");
}

// ------------------------------------------------------------------ replay

TEST_CASE("an event that ended without a run is replayed as it was") {
  Fixture f;
  Inbox& inbox = f.worker();
  const State state = GENERATE(State::Dead, State::Ignored, State::Unrouted);
  CAPTURE(to_string(state));
  f.arrive(inbox, "o", "t", {"1"});
  f.finish(inbox, f.claim_all(inbox).at(0), state);
  f.db.run("UPDATE orchestrator.events SET received_at = received_at - interval '2 s'");
  f.db.run("UPDATE orchestrator.payloads SET received_at = received_at - interval '2 s'");
  const EventId id = f.id_of("1");
  CHECK(must(replay(f.ctx(), f.pool(), id, false)) == Replayed::Started);
  CHECK(f.state_of(id) == "received/replayed");
  CHECK(must(replay(f.ctx(), f.pool(), id, false)) == Replayed::StillOpen);
  const auto again = must(inbox.claim_received(f.ctx(), Lane::Normal, 9));
  REQUIRE(again.size() == 1);
  CHECK(again[0].event.body == "body of 1");
  CHECK(again[0].claim.fence == 3);
  CHECK(again[0].age < 2s + 1min);
}

TEST_CASE("a run that took place is repeated only by force") {
  Fixture f;
  Inbox& inbox = f.worker();
  f.arrive(inbox, "o", "t", {"1"});
  f.finish(inbox, f.claim_all(inbox).at(0));
  const EventId id = f.id_of("1");
  CHECK(must(replay(f.ctx(), f.pool(), id, false)) == Replayed::IsDone);
  CHECK(f.state_of(id) == "done/test");
  CHECK(must(replay(f.ctx(), f.pool(), id, true)) == Replayed::Started);
}

TEST_CASE("what is not there cannot be replayed") {
  Fixture f;
  Inbox& inbox = f.worker();
  f.arrive(inbox, "o", "t", {"1"});
  f.finish(inbox, f.claim_all(inbox).at(0), State::Dead);
  f.db.run("DELETE FROM orchestrator.payloads");
  CHECK(must(replay(f.ctx(), f.pool(), f.id_of("1"), false)) == Replayed::PayloadGone);
  CHECK(f.state_of(f.id_of("1")) == "dead/test");
  CHECK(must(replay(f.ctx(), f.pool(), new_event_id(f.db.clock().wall_now(), f.rng), false)) ==
        Replayed::NoSuchEvent);
}

// ------------------------------------------------------------------ controls

TEST_CASE("a control is set, changed and taken away, and the teams that it concerns have a turn") {
  Fixture f;
  Inbox& inbox = f.worker();
  const Controls controls{f.pool()};
  const auto [source, org, team] = GENERATE(table<const char*, const char*, const char*>(
      {{"", "", ""}, {"", "o", ""}, {"", "o", "t"}, {"github", "", ""}, {"github", "o", "t"}}));
  CAPTURE(source, org, team);
  Control control{.source = source, .org_id = org, .team_node_id = team, .paused = true, .changed_by = "me"};
  must(controls.put(f.ctx(), control));
  const auto list = must(controls.list(f.ctx(), ""));
  REQUIRE(list.size() == 1);
  CHECK(list[0].source == source);
  CHECK(list[0].paused);
  CHECK_FALSE(list[0].runs_per_hour);
  CHECK(list[0].changed_by == "me");
  CHECK(std::chrono::abs(list[0].changed_at - f.db.clock().wall_now()) < 1min);

  f.arrive(inbox, "o", "t", {"1"});
  CHECK(f.claim_all(inbox).empty());
  CHECK(f.claim_all(inbox).empty());
  control.paused = false;
  must(controls.put(f.ctx(), control));
  CHECK(must(controls.list(f.ctx(), "")).empty());
  CHECK(provider_ids(f.claim_all(inbox)) == Names{"1"});
}

TEST_CASE("a higher number of runs an hour lets the next run start at once") {
  Fixture f;
  Inbox& inbox = f.worker();
  const Controls controls{f.pool()};
  const TeamLimits limits{.in_flight = 20, .per_second = 0, .burst = 0, .per_hour = 1};
  f.arrive(inbox, "o", "t", {"1", "2", "3"});
  CHECK(f.claim_all(inbox, limits).size() == 1);
  CHECK(f.claim_all(inbox, limits).empty());
  must(controls.put(f.ctx(), {.org_id = "o", .team_node_id = "t", .runs_per_hour = 2, .changed_by = "me"}));
  CHECK(f.claim_all(inbox, limits).size() == 1);
  CHECK(must(controls.list(f.ctx(), "o")).at(0).runs_per_hour == 2);
}

TEST_CASE("a change of a control reaches a team whose turn it is") {
  Fixture f;
  Inbox& inbox = f.worker();
  const Controls controls{f.pool()};
  f.arrive(inbox, "o", "t", {"1"});
  must(controls.put(f.ctx(), {.paused = true, .changed_by = "me"}));
  // A turn that has read the pause and has not ended.
  f.db.run("BEGIN; SELECT 1 FROM orchestrator.team_queues FOR UPDATE");
  std::jthread resume{[&] { must(controls.put(f.ctx(), {})); }};
  while (f.db.count("pg_locks WHERE NOT granted") == 0) {
  }
  f.db.run("UPDATE orchestrator.team_queues SET next_due = NULL, held = 'paused'; COMMIT");
  resume.join();
  CHECK(f.claim_all(inbox).size() == 1);
}

TEST_CASE("an org sees its own controls and the platform's") {
  Fixture f;
  const Controls controls{f.pool()};
  for (const char* org : {"", "o1", "o2"})
    must(controls.put(f.ctx(), {.org_id = org, .paused = true, .changed_by = "me"}));
  Names orgs;
  for (const Control& control : must(controls.list(f.ctx(), "o1"))) orgs.push_back(control.org_id);
  CHECK(orgs == Names{"", "o1"});
}

TEST_CASE("what no control can be is refused") {
  Fixture f;
  const Controls controls{f.pool()};
  for (const Control& wrong :
       {Control{.team_node_id = "t", .paused = true}, Control{.source = "slack", .runs_per_hour = 5},
        Control{.runs_per_hour = -1}}) {
    const Status refused = controls.put(f.ctx(), wrong);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == ErrorCode::InvalidArgument);
  }
}

TEST_CASE("a team's own agent is known from when it is put until it is removed") {
  Fixture f;
  Inbox& inbox = f.worker();
  const TeamRuntimes runtimes{f.pool()};
  const auto url = [&](const char* event) {
    f.arrive(inbox, "o", "t", {event});
    return must(inbox.claim_team(f.ctx(), kRoomOnly, 10)).value().runtime_url;
  };
  must(runtimes.put(f.ctx(), {"o", "t", "http://a", false}));
  CHECK(url("1").empty());
  must(runtimes.put(f.ctx(), {"o", "t", "http://b", true}));
  CHECK(url("2") == "http://b");
  must(runtimes.remove(f.ctx(), "o", "t"));
  CHECK(url("3").empty());
}

TEST_CASE("only a UUID in its canonical form is an event's id") {
  CHECK(is_event_id("017f22e2-79b0-7cc3-98c4-dc0c0c07398f"));
  for (const char* text : {"", "017f22e2-79b0-7cc3-98c4-dc0c0c07398", "017F22E2-79b0-7cc3-98c4-dc0c0c07398f",
                           "017f22e279b07cc398c4dc0c0c07398f0000", "017f22e2-79b0-7cc3-98c4-dc0c0c07398g"})
    CHECK_FALSE(is_event_id(text));
}

}  // namespace
}  // namespace tp::gateway::test
