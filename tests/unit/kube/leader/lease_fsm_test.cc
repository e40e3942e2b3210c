#include "kube/leader/lease_fsm.h"

#include <string>
#include <variant>
#include <vector>

#include "support/catch.h"
#include "support/manual_rng.h"

namespace tp::kube {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;

// One Lease as a server has it, and candidates with clocks of their own.
struct Server {
  bool exists = false;
  Lease lease{};
  int version = 10;

  [[nodiscard]] StoredLease stored() const { return {lease, std::to_string(version)}; }
};

class Candidate {
 public:
  Candidate(Server& server, std::string name, milliseconds skew = 0ms)
      : fsm{std::move(name), {}, rng}, server_(server), skew_(skew) {}

  // Performs an action that is no Wait, at once; the answer is what comes then.
  LeaseFsm::Action perform(const LeaseFsm::Action& action) {
    if (std::holds_alternative<LeaseFsm::Read>(action))
      return server_.exists ? fsm.found(server_.stored(), now()) : fsm.missing(now());
    const auto& write = std::get<LeaseFsm::Write>(action);
    const std::string expected = server_.exists ? std::to_string(server_.version) : std::string{kNoLease};
    if (write.version != expected) return fsm.failed(ErrorCode::Conflict, now());
    server_ = {true, write.lease, server_.version + 1};
    return fsm.written(server_.stored(), now().steady, now());
  }

  // Until it waits or ends.
  LeaseFsm::Action settle(LeaseFsm::Action action) {
    while (std::holds_alternative<LeaseFsm::Read>(action) || std::holds_alternative<LeaseFsm::Write>(action))
      action = perform(action);
    return action;
  }

  LeaseFsm::Action stand() { return settle(fsm.start()); }
  LeaseFsm::Action after(milliseconds time) {
    at_ += time;
    return settle(fsm.waited(now()));
  }
  void pass(milliseconds time) { at_ += time; }
  [[nodiscard]] LeaseFsm::Now now() const { return {SteadyTime{at_}, WallTime{1000h} + at_ + skew_}; }
  [[nodiscard]] SteadyTime in(milliseconds time) const { return SteadyTime{at_ + time}; }

  test::ManualRng rng;
  LeaseFsm fsm;

 private:
  Server& server_;
  milliseconds skew_;
  milliseconds at_{1h};
};

milliseconds waits(const LeaseFsm::Action& action) {
  REQUIRE(std::holds_alternative<LeaseFsm::Wait>(action));
  return std::get<LeaseFsm::Wait>(action).time;
}

bool ended(const LeaseFsm::Action& action) { return std::holds_alternative<LeaseFsm::End>(action); }

TEST_CASE("times have to fit together", "[lease]") {
  CHECK(LeaseTimes{}.fit_together());
  CHECK(LeaseTimes{3s, 2s, 500ms}.fit_together());
  CHECK_FALSE(LeaseTimes{10s, 10s, 2s}.fit_together());
  CHECK_FALSE(LeaseTimes{15s, 2400ms, 2s}.fit_together());
  CHECK(LeaseTimes{15s, 2401ms, 2s}.fit_together());
}

TEST_CASE("where there is no Lease it is made, and renewed", "[lease]") {
  Server server;
  Candidate a{server, "a"};
  CHECK(waits(a.stand()) == 2s);
  CHECK(a.fsm.leading());
  CHECK(a.fsm.leads_until() == a.in(10s));
  CHECK(server.lease.holder == "a");
  CHECK(server.lease.duration == 15s);
  CHECK(server.lease.transitions == 0);
  const WallTime acquired = server.lease.acquired;
  CHECK(waits(a.after(2s)) == 2s);
  CHECK(a.fsm.leads_until() == a.in(10s));
  CHECK(server.lease.acquired == acquired);
  CHECK(server.lease.renewed == acquired + 2s);
  CHECK(server.version == 12);
}

TEST_CASE("a renewal counts from when it was sent", "[lease]") {
  Server server;
  Candidate a{server, "a"};
  a.stand();
  a.pass(2s);
  const auto renewal = a.fsm.waited(a.now());
  const SteadyTime sent = a.now().steady;
  REQUIRE(std::holds_alternative<LeaseFsm::Write>(renewal));
  a.pass(4s);
  a.settle(a.fsm.written({std::get<LeaseFsm::Write>(renewal).lease, "11"}, sent, a.now()));
  CHECK(a.fsm.leads_until() == sent + 10s);
}

TEST_CASE("a follower reckons with its own clock only", "[lease]") {
  // Its holder's clock is a day behind, or a day ahead: both look fresh or stale for ever.
  const auto skew = GENERATE(-86'400'000ms, 0ms, 86'400'000ms);
  Server server;
  Candidate a{server, "a", skew};
  a.stand();
  Candidate b{server, "b"};
  b.rng.set_uniform(0.999);
  CHECK(waits(b.stand()) <= 2s);
  for (int i = 0; i < 30; ++i) {
    a.after(2s);
    b.after(2s);
    CHECK(a.fsm.leading());
    CHECK_FALSE(b.fsm.leading());
  }
  // Now it is silent. 15 s after the last change that b saw, b takes it.
  CHECK(waits(b.after(14'999ms)) == 1ms);
  CHECK_FALSE(b.fsm.leading());
  b.after(1ms);
  CHECK(b.fsm.leading());
  CHECK(server.lease.holder == "b");
  CHECK(server.lease.transitions == 1);
  CHECK(server.lease.acquired == b.now().wall);
}

TEST_CASE("a follower that was not running has seen nothing expire", "[lease]") {
  Server server;
  Candidate a{server, "a"};
  a.stand();
  Candidate b{server, "b"};
  b.stand();
  a.after(2s);
  // b was stopped for an hour: what it has seen is old, and it looks again before it takes anything.
  CHECK(waits(b.after(1h)) <= 2s);
  CHECK_FALSE(b.fsm.leading());
}

TEST_CASE("a change of something else is no sign of life", "[lease]") {
  Server server{true, {.holder = "a", .duration = 15s}};
  Candidate b{server, "b"};
  b.stand();
  b.pass(10s);
  ++server.version;  // a label
  CHECK(waits(b.after(1s)) <= 2s);
  b.after(4s);
  CHECK(b.fsm.leading());
}

TEST_CASE("the holder's duration counts, not ours", "[lease]") {
  Server server{true, {.holder = "a", .duration = 60s}};
  Candidate b{server, "b"};
  b.stand();
  b.after(59s);
  CHECK_FALSE(b.fsm.leading());
  b.after(1s);
  CHECK(b.fsm.leading());
}

TEST_CASE("of two who take an expired Lease one gets it", "[lease]") {
  Server server{true, {.holder = "dead", .duration = 15s, .transitions = 4}};
  Candidate a{server, "a"};
  Candidate b{server, "b"};
  a.stand();
  b.stand();
  a.pass(15s);
  b.pass(15s);
  const auto look = b.fsm.waited(b.now());
  const auto take = b.perform(look);
  REQUIRE(std::holds_alternative<LeaseFsm::Write>(take));
  a.after(0s);
  CHECK(a.fsm.leading());
  CHECK(waits(b.settle(take)) <= 2s);  // 409
  CHECK_FALSE(b.fsm.leading());
  b.after(2s);
  CHECK_FALSE(b.fsm.leading());
  CHECK(b.fsm.holder() == "a");
  CHECK(server.lease.transitions == 5);
}

TEST_CASE("a leader that cannot renew is none after the deadline, and not before", "[lease]") {
  Server server;
  Candidate a{server, "a"};
  a.stand();
  milliseconds left = 10s;
  for (milliseconds pause = 2s; left > 0ms; left -= pause) {
    a.pass(pause);
    if (left == pause) break;
    const auto renewal = a.fsm.waited(a.now());
    REQUIRE(std::holds_alternative<LeaseFsm::Write>(renewal));
    pause = waits(a.fsm.failed(ErrorCode::Unavailable, a.now()));
    CHECK(a.fsm.leading());
  }
  CHECK(ended(a.fsm.waited(a.now())));
  CHECK_FALSE(a.fsm.leading());
  // It may stand again, and nobody has taken it: it is still its own.
  CHECK(waits(a.stand()) == 2s);
  CHECK(a.fsm.leading());
  CHECK(server.lease.transitions == 0);
}

TEST_CASE("an answer that comes after the deadline saves nobody", "[lease]") {
  Server server;
  Candidate a{server, "a"};
  SECTION("a leader's") {
    a.stand();
    a.pass(2s);
    const auto renewal = a.fsm.waited(a.now());
    const SteadyTime sent = a.now().steady;
    a.pass(60s);  // stopped
    CHECK(ended(a.fsm.written({std::get<LeaseFsm::Write>(renewal).lease, "11"}, sent, a.now())));
    CHECK_FALSE(a.fsm.leading());
  }
  SECTION("a candidate's") {
    const auto claim = a.perform(a.fsm.start());
    const SteadyTime sent = a.now().steady;
    a.pass(60s);
    CHECK(waits(a.fsm.written({std::get<LeaseFsm::Write>(claim).lease, "11"}, sent, a.now())) <= 2s);
    CHECK_FALSE(a.fsm.leading());
  }
}

TEST_CASE("a leader that was stopped finds out before it does anything", "[lease]") {
  Server server;
  Candidate a{server, "a"};
  a.stand();
  CHECK(ended(a.after(10s)));
}

TEST_CASE("a renewal of unknown outcome is looked into", "[lease]") {
  Server server;
  Candidate a{server, "a"};
  a.stand();
  a.pass(2s);
  // It has landed, but the answer was lost.
  const auto renewal = a.fsm.waited(a.now());
  server = {true, std::get<LeaseFsm::Write>(renewal).lease, server.version + 1};
  CHECK(waits(a.fsm.failed(ErrorCode::DeadlineExceeded, a.now())) == 2s);
  a.pass(2s);
  const auto second = a.fsm.waited(a.now());
  const auto look = a.perform(second);  // 409
  CHECK(std::holds_alternative<LeaseFsm::Read>(look));
  CHECK(waits(a.settle(look)) == 2s);
  CHECK(a.fsm.leading());
  CHECK(a.fsm.leads_until() == a.in(10s));
}

TEST_CASE("a claim of unknown outcome is found to be ours", "[lease]") {
  Server server;
  Candidate a{server, "a"};
  const auto claim = a.perform(a.fsm.start());
  server = {true, std::get<LeaseFsm::Write>(claim).lease, server.version};
  CHECK(waits(a.fsm.failed(ErrorCode::DeadlineExceeded, a.now())) <= 2s);
  a.after(2s);
  CHECK(a.fsm.leading());
  CHECK(server.lease.transitions == 0);
}

TEST_CASE("a leader that finds another one ends", "[lease]") {
  Server server;
  Candidate a{server, "a"};
  a.stand();
  server.lease.holder = "b";
  ++server.version;
  CHECK(ended(a.after(2s)));
  CHECK_FALSE(a.fsm.leading());
  CHECK(server.lease.holder == "b");
}

TEST_CASE("a Lease that somebody deletes is made again by its holder", "[lease]") {
  Server server;
  Candidate a{server, "a"};
  a.stand();
  server.exists = false;
  CHECK(waits(a.after(2s)) == 2s);
  CHECK(a.fsm.leading());
  CHECK(server.exists);
}

TEST_CASE("a Lease that was given back is taken at the next look", "[lease]") {
  Server server;
  Candidate a{server, "a"};
  Candidate b{server, "b"};
  a.stand();
  b.stand();
  CHECK(ended(a.settle(a.fsm.release(a.now()))));
  CHECK_FALSE(a.fsm.leading());
  CHECK(server.lease.holder.empty());
  CHECK(server.lease.duration == 1s);
  b.after(100ms);
  CHECK(b.fsm.leading());
  CHECK(server.lease.transitions == 1);
}

TEST_CASE("a release is repeated, but never against another holder", "[lease]") {
  Server server;
  Candidate a{server, "a"};
  a.stand();
  const auto release = a.fsm.release(a.now());
  REQUIRE(std::holds_alternative<LeaseFsm::Write>(release));
  CHECK_FALSE(a.fsm.leading());
  SECTION("the server is away for a moment") {
    CHECK(waits(a.fsm.failed(ErrorCode::Unavailable, a.now())) == 2s);
    CHECK(ended(a.after(2s)));
    CHECK(server.lease.holder.empty());
  }
  SECTION("it stays away") {
    CHECK(waits(a.fsm.failed(ErrorCode::Unavailable, a.now())) == 2s);
    a.pass(10s);
    CHECK(ended(a.fsm.waited(a.now())));
  }
  SECTION("another one has it") {
    server.lease.holder = "b";
    ++server.version;
    CHECK(ended(a.settle(release)));
    CHECK(server.lease.holder == "b");
  }
}

TEST_CASE("who does not lead has nothing to give back", "[lease]") {
  Server server{true, {.holder = "b", .duration = 15s}};
  Candidate a{server, "a"};
  a.stand();
  CHECK(ended(a.fsm.release(a.now())));
  CHECK(server.lease.holder == "b");
}

TEST_CASE("those who wait look at different times, at most a retry period apart", "[lease]") {
  Server server{true, {.holder = "b", .duration = 15s}};
  Candidate a{server, "a"};
  a.rng.set_uniform(0.0);
  CHECK(waits(a.stand()) == 1666ms);
  a.rng.set_uniform(0.9999);
  CHECK(waits(a.after(1ms)) == 1999ms);
}

}  // namespace
}  // namespace tp::kube
