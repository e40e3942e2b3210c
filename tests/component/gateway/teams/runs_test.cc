#include "gateway/teams/runs.h"

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "component/gateway/inbox/fixture.h"

namespace tp::gateway::test {
namespace {

using namespace std::chrono_literals;
using Begun = ProvisioningRuns::Begun;

struct Runs : Fixture {
  std::string id() { return new_event_id(db.clock().wall_now(), rng).str(); }
  ProvisioningRuns::NewRun asked(const std::string& key = {},
                                 const std::string& hash = "h",
                                 TeamRef team = {"o", "t"}) {
    return {.id = id(), .team = std::move(team), .key = key, .hash = hash};
  }
  static Result<TeamResourcePointer> resource(const std::string& uid = "u") {
    TeamResource made;
    made.meta = {.key = {"ns", "name"}, .uid = uid, .resource_version = "1", .generation = 7};
    return std::make_shared<const TeamResource>(std::move(made));
  }
  Begun begin(const ProvisioningRuns::NewRun& run) {
    return must(runs.begin(ctx(), run, [](const Context&) { return resource(); }));
  }

  ProvisioningRuns runs{pool()};
};

TEST_CASE("runs: one is recorded with its resource, and ends once") {
  Runs f;
  const Begun begun = f.begin(f.asked());
  CHECK_FALSE(begun.replayed);
  auto found = must(f.runs.get(f.ctx(), begun.run.id));
  REQUIRE(found);
  CHECK(found->team == TeamRef{"o", "t"});
  CHECK(found->status == RunStatus::Running);
  CHECK(found->resource == kube::ObjectKey{"ns", "name"});
  CHECK(found->uid == "u");
  CHECK(found->generation == 7);
  CHECK(must(f.runs.open(f.ctx())).size() == 1);

  const nlohmann::json steps{{"token", {{"ok", true}}}};
  CHECK(must(f.runs.update(f.ctx(), begun.run.id, {RunStatus::Running, steps, ""})));
  CHECK_FALSE(must(f.runs.update(f.ctx(), begun.run.id, {RunStatus::Running, steps, ""})));
  CHECK(must(f.runs.update(f.ctx(), begun.run.id, {RunStatus::Succeeded, steps, ""})));
  CHECK_FALSE(must(f.runs.update(f.ctx(), begun.run.id, {RunStatus::Failed, steps, "late"})));
  found = must(f.runs.get(f.ctx(), begun.run.id));
  CHECK(found->status == RunStatus::Succeeded);
  CHECK(found->steps == steps);
  CHECK(must(f.runs.open(f.ctx())).empty());
}

TEST_CASE("runs: an id that is none finds nothing") {
  Runs f;
  for (const char* const id : {"", "x", "00000000-0000-0000-0000-00000000000", "'; DROP TABLE x; --"})
    CHECK_FALSE(must(f.runs.get(f.ctx(), id)));
  CHECK_FALSE(must(f.runs.get(f.ctx(), f.id())));
}

TEST_CASE("runs: a key stands for one request of one team") {
  Runs f;
  const Begun first = f.begin(f.asked("k"));
  const Begun again = f.begin(f.asked("k"));
  CHECK(again.replayed);
  CHECK_FALSE(again.other_body);
  CHECK(again.run.id == first.run.id);
  const Begun other = f.begin(f.asked("k", "another"));
  CHECK(other.replayed);
  CHECK(other.other_body);
  CHECK(other.run.id == first.run.id);
  CHECK_FALSE(f.begin(f.asked("k", "h", {"o", "t2"})).replayed);
  CHECK_FALSE(f.begin(f.asked()).replayed);
  CHECK_FALSE(f.begin(f.asked()).replayed);
}

TEST_CASE("runs: what is refused for good is a run, what cannot be done now is none") {
  Runs f;
  const auto refuse = [&](ErrorCode code) {
    return f.runs.begin(f.ctx(), f.asked("k" + std::to_string(static_cast<int>(code))),
                        [code](const Context&) -> Result<TeamResourcePointer> {
                          return Error{code, "said"};
                        });
  };
  const Begun refused = must(refuse(ErrorCode::Conflict));
  REQUIRE(refused.refused);
  CHECK(refused.refused->code == ErrorCode::Conflict);
  const auto found = must(f.runs.get(f.ctx(), refused.run.id));
  REQUIRE(found);
  CHECK(found->status == RunStatus::Failed);
  CHECK(found->error == "said");
  CHECK_FALSE(refuse(ErrorCode::Unavailable));
  CHECK(f.db.count("orchestrator.provisioning_runs") == 1);
  // The connection and the lock are free again.
  CHECK_FALSE(f.begin(f.asked()).replayed);
}

TEST_CASE("runs: twenty requests of one key are one run, and act once") {
  Runs f;
  std::atomic<int> acts{0};
  std::vector<std::string> ids(20);
  {
    std::vector<std::jthread> callers;
    for (std::string& id : ids) {
      callers.emplace_back([&f, &id, &acts, asked = f.asked("k")] {
        const auto begun = f.runs.begin(f.ctx(), asked, [&acts](const Context&) {
          ++acts;
          return Runs::resource();
        });
        id = begun ? begun->run.id : begun.error().message;
      });
    }
  }
  CHECK(acts == 1);
  CHECK(std::set<std::string>(ids.begin(), ids.end()).size() == 1);
}

TEST_CASE(
    "runs: requests about one team come one after the other, in all processes, and hold up no other team") {
  Runs f;
  ProvisioningRuns elsewhere{f.pool()};
  std::atomic<int> inside{0};
  std::atomic<int> together{0};
  std::atomic<int> done{0};
  {
    std::vector<std::jthread> callers;
    for (int i = 0; i < 40; ++i) {
      callers.emplace_back([&, i, asked = f.asked()] {
        ProvisioningRuns& runs = i % 2 == 0 ? f.runs : elsewhere;
        const auto begun = runs.begin(f.ctx(), asked, [&](const Context&) {
          if (inside.fetch_add(1) > 0) ++together;
          // Another team's request is served meanwhile, with what the pool has left.
          if (i == 0)
            must(f.runs.begin(f.ctx(), f.asked({}, "h", {"o", "other"}),
                              [](const Context&) { return Runs::resource(); }));
          --inside;
          return Runs::resource();
        });
        if (begun) ++done;
      });
    }
  }
  CHECK(together == 0);
  CHECK(done == 40);
}

TEST_CASE("runs: who waits too long for its team is told so, and holds nothing") {
  Runs f;
  SystemClock clock;
  must(f.runs.begin(f.ctx(), f.asked(), [&](const Context&) {
    const auto late = f.runs.begin(Context{}.child(clock, 50ms), f.asked(),
                                   [](const Context&) { return Runs::resource(); });
    CHECK(late.error().code == ErrorCode::ResourceExhausted);
    return Runs::resource();
  }));
}

TEST_CASE("runs: a token is given once, whoever asks") {
  Runs f;
  const Begun first = f.begin(f.asked());
  const Begun second = f.begin(f.asked());
  std::atomic<int> given{0};
  {
    std::vector<std::jthread> callers;
    for (int i = 0; i < 10; ++i) {
      callers.emplace_back([&, id = i % 2 == 0 ? first.run.id : second.run.id] {
        if (must(f.runs.claim_token(f.ctx(), id))) ++given;
      });
    }
  }
  CHECK(given == 1);
  const auto other =
      must(f.runs.begin(f.ctx(), f.asked(), [](const Context&) { return Runs::resource("u2"); }));
  CHECK(must(f.runs.claim_token(f.ctx(), other.run.id)));
  CHECK_FALSE(must(f.runs.claim_token(f.ctx(), f.id())));
}

TEST_CASE("runs: housekeeping keeps what is open, and what gave a token") {
  Runs f;
  const Begun old = f.begin(f.asked());
  const Begun open = f.begin(f.asked());
  const Begun gave = f.begin(f.asked());
  CHECK(must(f.runs.claim_token(f.ctx(), gave.run.id)));
  for (const Begun* const begun : {&old, &gave})
    CHECK(must(f.runs.update(f.ctx(), begun->run.id, {RunStatus::Succeeded, {}, ""})));
  f.db.run("UPDATE orchestrator.provisioning_runs SET updated_at = now() - interval '91 days'");
  f.db.run("SELECT orchestrator.maintain(14, 90)");
  CHECK_FALSE(must(f.runs.get(f.ctx(), old.run.id)));
  CHECK(must(f.runs.get(f.ctx(), open.run.id)));
  CHECK(must(f.runs.get(f.ctx(), gave.run.id)));
}

}  // namespace
}  // namespace tp::gateway::test
