#include "kube/runtime/reflector_fsm.h"

#include <sstream>
#include <string>
#include <variant>
#include <vector>

#include "support/catch.h"
#include "support/manual_rng.h"

namespace tp::kube {
namespace {

using namespace std::chrono_literals;
using Fsm = ReflectorFsm;

std::string text_of(const Fsm::Action& action) {
  if (const auto* a = std::get_if<Fsm::ListPage>(&action)) {
    return a->continue_token.empty() ? "list" : "list " + a->continue_token;
  }
  if (const auto* a = std::get_if<Fsm::WatchFrom>(&action)) {
    return a->initial_events ? "watch initial" + a->resource_version : "watch " + a->resource_version;
  }
  if (const auto* a = std::get_if<Fsm::Pause>(&action)) {
    return "pause " + std::to_string(a->at_least.count()) + ".." + std::to_string(a->at_most.count());
  }
  return "probe";
}

std::string text_of(Fsm::Verdict verdict) {
  switch (verdict) {
    case Fsm::Verdict::Deliver: return "deliver";
    case Fsm::Verdict::Complete: return "complete";
    case Fsm::Verdict::WentBack: return "went back";
  }
  return "?";
}

// What happens, how long after the row before, and what the machine answers. Inputs:
//   start | page RV [TOKEN] | event RV | bookmark RV | mark RV | done | probed RV | fail CODE
//   [RETRY_AFTER_MS] | paused
struct Row {
  std::string input;
  std::chrono::milliseconds later;
  std::string answer;
};

class Machine {
 public:
  std::string feed(const std::string& input, std::chrono::milliseconds later) {
    now_ += later;
    std::istringstream words{input};
    std::string verb;
    std::string a;
    std::string b;
    words >> verb >> a >> b;
    if (verb == "start") return text_of(fsm.start(now_));
    if (verb == "page") return text_of(fsm.page_done(a, b, now_));
    if (verb == "event") return text_of(fsm.event(WatchEventType::Modified, a, false));
    if (verb == "bookmark") return text_of(fsm.event(WatchEventType::Bookmark, a, false));
    if (verb == "mark") return text_of(fsm.event(WatchEventType::Bookmark, a, true));
    if (verb == "done") return text_of(fsm.stream_done(now_));
    if (verb == "probed") return text_of(fsm.probe_done(a, now_));
    if (verb == "paused") return text_of(fsm.pause_done(now_));
    REQUIRE(verb == "fail");
    return text_of(fsm.failed(error(a, b), now_));
  }

  void run(const std::vector<Row>& rows) {
    for (std::size_t i = 0; i < rows.size(); ++i) {
      INFO("row " << i << ": " << rows[i].input);
      CHECK(feed(rows[i].input, rows[i].later) == rows[i].answer);
    }
  }

  test::ManualRng rng;  // 0.5: no jitter, and watches of 215 s
  Fsm fsm{rng};

 private:
  static Error error(const std::string& code, const std::string& retry_after) {
    Error e{ErrorCode::Internal, "test"};
    for (const ErrorCode c :
         {ErrorCode::InvalidArgument, ErrorCode::NotFound, ErrorCode::Expired, ErrorCode::Unavailable,
          ErrorCode::DeadlineExceeded, ErrorCode::ResourceExhausted, ErrorCode::PermissionDenied}) {
      if (to_string(c) == code) e.code = c;
    }
    REQUIRE(e.code != ErrorCode::Internal);
    if (!retry_after.empty()) e.retry_after = std::chrono::milliseconds{std::stoi(retry_after)};
    return e;
  }

  SteadyTime now_{1h};
};

// The rows that bring a machine to a watch from 10.
std::vector<Row> following(const std::vector<Row>& then) {
  std::vector<Row> rows{
      {"start", 0s, "watch initial"}, {"event 7", 0s, "deliver"}, {"mark 10", 0s, "complete"}};
  rows.insert(rows.end(), then.begin(), then.end());
  return rows;
}

TEST_CASE("ReflectorFsm: tables", "[fsm]") {
  Machine m;
  SECTION("WatchList, then the same stream goes on, then the next one") {
    m.run(following(
        {{"event 12", 1min, "deliver"}, {"bookmark 15", 1min, "deliver"}, {"done", 95s, "watch 15"}}));
  }
  SECTION("initial events come in any order of versions") {
    m.run({{"start", 0s, "watch initial"},
           {"event 9", 0s, "deliver"},
           {"event 3", 0s, "deliver"},
           {"bookmark 2", 0s, "deliver"},
           {"mark 10", 0s, "complete"},
           {"event 9", 0s, "went back"}});
  }
  SECTION("WatchList refused: pages, and pages from then on") {
    m.run({{"start", 0s, "watch initial"},
           {"fail invalid_argument", 0s, "list"},
           {"page 10 t1", 0s, "list t1"},
           {"page 10 t2", 0s, "list t2"},
           {"page 10", 0s, "watch 10"},
           {"fail expired", 0s, "list"}});
  }
  SECTION("WatchList that ends without its mark: pages") {
    m.run({{"start", 0s, "watch initial"}, {"event 9", 0s, "deliver"}, {"done", 215s, "list"}});
  }
  SECTION("WatchList cut: again after a pause") {
    m.run({{"start", 0s, "watch initial"},
           {"event 9", 0s, "deliver"},
           {"fail unavailable", 0s, "pause 800..800"},
           {"paused", 0s, "watch initial"}});
  }
  SECTION("a page refused for good is no reason to try WatchList again") {
    m.run({{"start", 0s, "watch initial"},
           {"fail invalid_argument", 0s, "list"},
           {"fail invalid_argument", 0s, "pause 800..800"},
           {"paused", 0s, "list"}});
  }
  SECTION("an expired continue token: from the first page") {
    m.run({{"start", 0s, "watch initial"},
           {"fail invalid_argument", 0s, "list"},
           {"page 10 t1", 0s, "list t1"},
           {"fail expired", 0s, "list"}});
  }
  SECTION("a failed page: from the first page, after a pause") {
    m.run({{"start", 0s, "watch initial"},
           {"fail invalid_argument", 0s, "list"},
           {"page 10 t1", 0s, "list t1"},
           {"fail unavailable", 0s, "pause 800..800"},
           {"paused", 0s, "list"}});
  }
  SECTION("expired: at once the first time, then with pauses") {
    m.run(following({{"fail expired", 0s, "watch initial"},
                     {"mark 20", 0s, "complete"},
                     {"fail expired", 0s, "pause 800..800"},
                     {"paused", 2s, "watch initial"},
                     {"fail expired", 0s, "pause 800..1600"},
                     {"paused", 2s, "watch initial"},
                     {"mark 30", 0s, "complete"},
                     {"fail expired", 121s, "watch initial"}}));
  }
  SECTION("expired after an outage: at once, the failures before do not count") {
    m.run(following({{"fail unavailable", 0s, "pause 800..800"},
                     {"paused", 1s, "probe"},
                     {"fail unavailable", 0s, "pause 800..1600"},
                     {"paused", 1s, "probe"},
                     {"probed 12", 0s, "watch 10"},
                     {"fail expired", 0s, "watch initial"}}));
  }
  SECTION("the server is back: pauses begin anew") {
    m.run(following({{"fail unavailable", 0s, "pause 800..800"},
                     {"paused", 1s, "probe"},
                     {"fail unavailable", 0s, "pause 800..1600"}}));
    m.fsm.server_returned();
    m.run({{"paused", 1s, "probe"},
           {"fail permission_denied", 0s, "pause 800..800"},
           {"paused", 1s, "probe"},
           {"fail permission_denied", 0s, "pause 800..1600"}});
  }
  SECTION("connection lost: pause, probe, resume from the last version") {
    m.run(following({{"event 12", 1s, "deliver"},
                     {"fail unavailable", 0s, "pause 800..800"},
                     {"paused", 1s, "probe"},
                     {"fail unavailable", 0s, "pause 800..1600"},
                     {"paused", 1s, "probe"},
                     {"probed 12", 0s, "watch 12"}}));
  }
  SECTION("our own deadline passed: the connection was dead") {
    m.run(following({{"fail deadline_exceeded", 220s, "pause 800..800"},
                     {"paused", 1s, "probe"},
                     {"probed 99", 0s, "watch 10"}}));
  }
  SECTION("the probe finds an older version: etcd was restored") {
    m.run(following({{"fail unavailable", 0s, "pause 800..800"},
                     {"paused", 1s, "probe"},
                     {"probed 9", 0s, "watch initial"}}));
    CHECK(m.fsm.reason() == Fsm::Reason::WentBack);
  }
  SECTION("an event goes back") {
    m.run(following({{"event 9", 1s, "went back"}, {"fail expired", 0s, "watch initial"}}));
    CHECK(m.fsm.reason() == Fsm::Reason::WentBack);
  }
  SECTION("a bookmark goes back") {
    m.run(following({{"bookmark 9", 1s, "went back"}, {"fail expired", 0s, "watch initial"}}));
  }
  SECTION("an equal version is not a step back") {
    m.run(following({{"bookmark 10", 1s, "deliver"}, {"event 10", 1s, "deliver"}}));
  }
  SECTION("versions compare as numbers") {
    m.run({{"start", 0s, "watch initial"},
           {"mark 99", 0s, "complete"},
           {"event 100", 0s, "deliver"},
           {"event 99", 0s, "went back"}});
  }
  SECTION("a watch that ends at once and shows nothing failed") {
    m.run(following({{"done", 215s, "watch 10"},
                     {"done", 999ms, "pause 800..800"},
                     {"paused", 1s, "probe"},
                     {"probed 10", 0s, "watch 10"},
                     {"done", 0s, "pause 800..1600"}}));
  }
  SECTION("a watch that ended before its time: probe first, without a pause") {
    m.run(following({{"done", 215s, "watch 10"},
                     {"event 11", 0s, "deliver"},
                     {"done", 500ms, "probe"},
                     {"probed 11", 0s, "watch 11"},
                     {"done", 100s, "probe"},
                     {"probed 5", 0s, "watch initial"}}));
  }
  SECTION("backoff grows to its limit and starts again after two quiet minutes") {
    m.run(following({{"fail unavailable", 0s, "pause 800..800"},
                     {"paused", 0s, "probe"},
                     {"fail unavailable", 0s, "pause 800..1600"},
                     {"paused", 0s, "probe"},
                     {"fail unavailable", 0s, "pause 800..3200"},
                     {"paused", 0s, "probe"},
                     {"fail unavailable", 0s, "pause 800..6400"},
                     {"paused", 0s, "probe"},
                     {"fail unavailable", 0s, "pause 800..12800"},
                     {"paused", 0s, "probe"},
                     {"fail unavailable", 0s, "pause 800..25600"},
                     {"paused", 0s, "probe"},
                     {"fail unavailable", 0s, "pause 800..30000"},
                     {"paused", 0s, "probe"},
                     {"fail unavailable", 120s, "pause 800..30000"},
                     {"paused", 0s, "probe"},
                     {"probed 10", 0s, "watch 10"},
                     {"fail unavailable", 121s, "pause 800..800"}}));
  }
  SECTION("Retry-After is kept to, within reason") {
    m.run(following({{"fail resource_exhausted 5000", 0s, "pause 5000..5000"},
                     {"paused", 5s, "probe"},
                     {"fail resource_exhausted 99999999", 0s, "pause 120000..120000"},
                     {"paused", 5s, "probe"},
                     {"fail resource_exhausted 1", 0s, "pause 800..3200"}}));
  }
  SECTION("the resource is gone: list when it is back") {
    m.run(following({{"fail not_found", 0s, "pause 800..800"},
                     {"paused", 1s, "watch initial"},
                     {"fail not_found", 0s, "pause 800..1600"},
                     {"paused", 1s, "watch initial"},
                     {"mark 30", 0s, "complete"}}));
  }
  SECTION("the resource goes while we probe") {
    m.run(following({{"fail unavailable", 0s, "pause 800..800"},
                     {"paused", 1s, "probe"},
                     {"fail not_found", 0s, "pause 800..1600"},
                     {"paused", 1s, "watch initial"}}));
  }
  SECTION("no permission for a while: resume where we were") {
    m.run(following({{"fail permission_denied", 0s, "pause 800..800"},
                     {"paused", 1s, "probe"},
                     {"probed 10", 0s, "watch 10"}}));
  }
  SECTION("started again: from scratch") { m.run(following({{"start", 0s, "watch initial"}})); }
}

TEST_CASE("ReflectorFsm: streams last between 200 and 230 s, with jitter on pauses", "[fsm]") {
  Machine m;
  const auto timeout = [&] { return std::get<Fsm::WatchFrom>(m.fsm.start(SteadyTime{1h})).timeout; };
  m.rng.set_uniform(0.0);
  CHECK(timeout() == 200s);
  CHECK(std::get<Fsm::Pause>(m.fsm.failed({ErrorCode::Unavailable, ""}, SteadyTime{1h})) ==
        Fsm::Pause{400ms, 400ms});
  m.rng.set_uniform(0.999999);
  CHECK(timeout() == 230s);
  CHECK(std::get<Fsm::Pause>(m.fsm.failed({ErrorCode::Unavailable, ""}, SteadyTime{1h})) ==
        Fsm::Pause{1199ms, 2399ms});
}

TEST_CASE("ReflectorFsm: says why it lists", "[fsm]") {
  Machine m;
  const auto reason_after = [&](const std::vector<Row>& rows) {
    m.run(rows);
    return m.fsm.reason();
  };
  CHECK(reason_after({{"start", 0s, "watch initial"}}) == Fsm::Reason::Start);
  CHECK(reason_after({{"fail unavailable", 0s, "pause 800..800"}, {"paused", 1s, "watch initial"}}) ==
        Fsm::Reason::Failed);
  CHECK(reason_after({{"fail expired", 0s, "watch initial"}}) == Fsm::Reason::Expired);
  CHECK(reason_after({{"fail invalid_argument", 0s, "list"}}) == Fsm::Reason::Refused);
}

}  // namespace
}  // namespace tp::kube
