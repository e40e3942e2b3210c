#include "kube/runtime/reflector.h"

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <sys/mman.h>
#include <unistd.h>

#include "support/catch.h"
#include "support/manual_rng.h"
#include "support/script_http_client.h"

namespace tp::kube {
namespace {

using namespace std::chrono_literals;
using test::ScriptHttpClient;
using End = ScriptHttpClient::End;
using Reply = ScriptHttpClient::Reply;
using Strings = std::vector<std::string>;

struct Item {
  ObjectMeta meta;
  std::string colour;

  friend bool operator==(const Item&, const Item&) = default;
};

Result<Item> project(json::View object) {
  TP_ASSIGN_OR_RETURN(ObjectMeta meta, read_meta(object));
  if (object["colour"].text() == "unreadable") return Error{ErrorCode::DataLoss, "no such colour"};
  return Item{std::move(meta), std::string{object["colour"].text()}};
}

std::string object(const std::string& name, const std::string& version, const std::string& colour = "red") {
  return R"({"metadata":{"namespace":"ns","name":")" + name + R"(","uid":"uid-)" + name +
         R"(","resourceVersion":")" + version + R"("},"colour":")" + colour + R"("})";
}

std::string event(const std::string& type, const std::string& object) {
  return R"({"type":")" + type + R"(","object":)" + object + "}\n";
}

std::string added(const std::string& name, const std::string& version, const std::string& colour = "red") {
  return event("ADDED", object(name, version, colour));
}

std::string bookmark(const std::string& version, bool mark = false) {
  return event("BOOKMARK", R"({"kind":"X","apiVersion":"v1","metadata":{"resourceVersion":")" + version +
                               "\"" + (mark ? R"(,"annotations":{"k8s.io/initial-events-end":"true"})" : "") +
                               "}}");
}

std::string status(int code, const std::string& reason) {
  return R"({"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"test","reason":")" +
         reason + R"(","code":)" + std::to_string(code) + "}";
}

std::string list(const std::string& version,
                 const std::vector<std::string>& items,
                 const std::string& token = {}) {
  std::string all;
  for (const std::string& item : items) all += (all.empty() ? "" : ",") + item;
  return R"({"kind":"List","apiVersion":"v1","metadata":{"resourceVersion":")" + version +
         R"(","continue":")" + token + R"("},"items":[)" + all + "]}";
}

// What each kind of request has in its target, and what only it has.
const Strings kInitial{"watch=1",
                       "sendInitialEvents=true",
                       "resourceVersionMatch=NotOlderThan",
                       "allowWatchBookmarks=true",
                       "timeoutSeconds=2",
                       "labelSelector=app%3Dtest"};
const Strings kFirstPage{"/apis/apps/v1/deployments?limit=500", "labelSelector=app%3Dtest"};
const Strings kProbe{"limit=1&"};

Strings watch_from(const std::string& version) {
  return {"watch=1", "allowWatchBookmarks=true", "resourceVersion=" + version + "&", "timeoutSeconds=2",
          "labelSelector=app%3Dtest"};
}

ReflectorOptions fast() {
  ReflectorOptions options;
  options.times.backoff = Backoff{1ms, 5ms, 2.0, 0.5};
  return options;
}

class Fixture {
 public:
  explicit Fixture(const ReflectorOptions& options = fast())
      : reflector_{std::make_unique<Reflector>(api_,
                                               Selection{.type = kDeployments, .label_selector = "app=test"},
                                               store,
                                               recovery_,
                                               clock_,
                                               rng_,
                                               log::Logger{sink_, "test"},
                                               registry,
                                               options)} {}

  ~Fixture() {
    reflector_->stop();
    CHECK(reflector_->state() == Reflector::State::Stopped);
    CHECK(script.problems().empty());
    ::close(fd_);
  }

  Fixture(const Fixture&) = delete;
  Fixture& operator=(const Fixture&) = delete;

  Reflector& reflector() { return *reflector_; }

  // Plays the whole script; its last step must hold.
  void play() {
    if (reflector_->state() == Reflector::State::Stopped) reflector_->start();
    REQUIRE(script.wait_held());
  }

  // A watch from 10 with object a@5, held.
  void follow() {
    script.add(kInitial, {.chunks = {added("a", "5"), bookmark("10", true)}, .end = End::Hold});
    play();
    REQUIRE(content() == Strings{"a@5 red"});
  }

  // Ends the held stream and plays what was added.
  void go_on(End end) {
    script.let_go(end);
    REQUIRE(script.wait_held());
  }

  Strings content() {
    Strings all;
    store.each([&](const auto& item) {
      all.push_back(item->meta.key.name + "@" + item->meta.resource_version + " " + item->colour);
    });
    std::sort(all.begin(), all.end());
    return all;
  }

  // Of a series of the resource, as it is exposed; -1 when there is none.
  double metric(const std::string& name, const std::string& more_labels = {}) const {
    const std::string series = "\n" + name + "{" + more_labels + R"(resource="deployments.apps"} )";
    const std::string text = registry.expose();
    const std::size_t at = text.find(series);
    return at == std::string::npos ? -1 : std::stod(text.substr(at + series.size()));
  }

  double listings(const std::string& reason) const {
    return metric("kube_watch_listings_total", "reason=\"" + reason + "\",");
  }

  // How many lines of the log have this in them.
  [[nodiscard]] std::size_t logged(std::string_view part) const {
    std::string text(std::size_t{1} << 20U, '\0');
    const ssize_t size = ::pread(fd_, text.data(), text.size(), 0);
    REQUIRE(size >= 0);
    text.resize(static_cast<std::size_t>(size));
    std::size_t lines = 0;
    for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++lines;
    return lines;
  }

  ScriptHttpClient script;
  Store<Item> store{project};
  metrics::Registry registry;

 private:
  const SystemClock clock_;
  test::ManualRng rng_;
  int fd_ = ::memfd_create("log", MFD_CLOEXEC);
  log::Sink sink_{clock_, fd_, log::Level::Info, log::Format::Json};
  ApiClient api_{script, script, clock_};
  Recovery recovery_{clock_};
  std::unique_ptr<Reflector> reflector_;
};

TEST_CASE("Reflector: WatchList, then the same stream goes on", "[reflector]") {
  Fixture f;
  f.follow();
  CHECK(f.store.synced());
  CHECK(f.reflector().state() == Reflector::State::Watching);
  REQUIRE(f.script.push(added("b", "11") + event("MODIFIED", object("a", "12", "blue"))));
  CHECK(f.content() == Strings{"a@12 blue", "b@11 red"});
  REQUIRE(f.script.push(event("DELETED", object("b", "13")) + bookmark("20")));
  CHECK(f.content() == Strings{"a@12 blue"});
  CHECK(f.listings("start") == 1);
  CHECK(f.metric("kube_watch_failures_total") == 0);

  SECTION("it goes on from the last version") {
    f.script.add(kProbe, {.chunks = {list("20", {})}});
    f.script.add(watch_from("20"), {.end = End::Hold});
    f.go_on(End::Close);
    CHECK(f.content() == Strings{"a@12 blue"});
  }
}

TEST_CASE("Reflector: the stream's deadline is its time and 5 s", "[reflector]") {
  Fixture f;
  const SteadyTime before = SystemClock{}.now();
  f.follow();
  CHECK(f.script.deadline() >= before + 220s);  // 215 s: the middle of 200-230
  CHECK(f.script.deadline() <= SystemClock{}.now() + 220s);
  CHECK(f.script.targets().at(0).find("timeoutSeconds=215") != std::string::npos);
}

TEST_CASE("Reflector: events may be cut anywhere", "[reflector]") {
  Fixture f;
  const std::string all = added("a", "5") + bookmark("10", true) + added("b", "11");
  Strings chunks;
  for (std::size_t i = 0; i < all.size(); i += 7) chunks.push_back(all.substr(i, 7));
  f.script.add(kInitial, {.chunks = chunks, .end = End::Hold});
  f.play();
  CHECK(f.content() == Strings{"a@5 red", "b@11 red"});
}

TEST_CASE("Reflector: WatchList refused, so it lists pages", "[reflector]") {
  const auto [code, reason] = GENERATE(table<int, std::string>({{400, "BadRequest"}, {422, "Invalid"}}));
  Fixture f;
  f.script.add(kInitial, {code, {status(code, reason)}});
  f.script.add(kFirstPage, {.chunks = {list("10", {object("a", "5"), object("b", "6")}, "t/1")}});
  f.script.add({"limit=500", "continue=t%2F1"}, {.chunks = {list("10", {object("c", "7")})}});
  f.script.add(watch_from("10"), {.end = End::Hold});
  f.play();
  CHECK(f.content() == Strings{"a@5 red", "b@6 red", "c@7 red"});
  CHECK(f.store.synced());
  CHECK(f.listings("watch_list_refused") == 1);
}

TEST_CASE("Reflector: an expired continue token means a listing from the first page", "[reflector]") {
  Fixture f;
  f.script.add(kInitial, {422, {status(422, "Invalid")}});
  f.script.add(kFirstPage, {.chunks = {list("10", {object("a", "5")}, "t1")}});
  f.script.add({"continue=t1"}, {410, {status(410, "Expired")}});
  f.script.add(kFirstPage, {.chunks = {list("20", {object("b", "15")})}});
  f.script.add(watch_from("20"), {.end = End::Hold});
  f.play();
  CHECK(f.content() == Strings{"b@15 red"});  // a was there before, and the second listing does not name it
}

TEST_CASE("Reflector: a page that is cut short is not a listing", "[reflector]") {
  const std::string whole = list("10", {object("a", "5"), object("b", "6")});
  const auto end = GENERATE(End::Close, End::Cut);
  Fixture f;
  f.script.add(kInitial, {422, {status(422, "Invalid")}});
  f.script.add(kFirstPage, {.chunks = {whole.substr(0, whole.size() - 3)}, .end = end});
  f.script.add(kFirstPage, {.chunks = {whole}});
  f.script.add(watch_from("10"), {.end = End::Hold});
  f.play();
  CHECK(f.content() == Strings{"a@5 red", "b@6 red"});
  CHECK(f.metric("kube_watch_failures_total") == 2);
}

TEST_CASE("Reflector: 410 in every form means a new listing", "[reflector]") {
  Fixture f;
  f.follow();
  SECTION("as the answer") {
    f.script.add(kProbe, {.chunks = {list("15", {})}});
    f.script.add(watch_from("10"), {410, {status(410, "Expired")}});
    f.script.add(kInitial, {.chunks = {added("b", "16"), bookmark("20", true)}, .end = End::Hold});
    f.go_on(End::Cut);
  }
  SECTION("as an event, Expired") {
    f.script.add(kInitial, {.chunks = {added("b", "16"), bookmark("20", true)}, .end = End::Hold});
    REQUIRE(f.script.push(event("ERROR", status(410, "Expired"))));
    REQUIRE(f.script.wait_held());
  }
  SECTION("as an event, Gone") {
    f.script.add(kInitial, {.chunks = {added("b", "16"), bookmark("20", true)}, .end = End::Hold});
    REQUIRE(f.script.push(event("ERROR", status(410, "Gone"))));
    REQUIRE(f.script.wait_held());
  }
  SECTION("as a version that the server has not reached") {
    f.script.add(kProbe, {.chunks = {list("15", {})}});
    f.script.add(
        watch_from("10"),
        {504,
         {R"({"kind":"Status","status":"Failure","message":"Too large resource version","reason":"Timeout",)"
          R"("details":{"causes":[{"reason":"ResourceVersionTooLarge","message":"Too large"}],)"
          R"("retryAfterSeconds":1},"code":504})"}});
    f.script.add(kInitial, {.chunks = {added("b", "16"), bookmark("20", true)}, .end = End::Hold});
    f.go_on(End::Cut);
  }
  CHECK(f.content() == Strings{"b@16 red"});
  CHECK(f.listings("expired") == 1);
}

TEST_CASE("Reflector: another error event is a failure, not the end of the world", "[reflector]") {
  Fixture f;
  f.follow();
  f.script.add(kProbe, {.chunks = {list("15", {})}});
  f.script.add(watch_from("10"), {.chunks = {added("b", "11")}, .end = End::Hold});
  REQUIRE(f.script.push(event("ERROR", status(500, "InternalError"))));
  REQUIRE(f.script.wait_held());
  CHECK(f.content() == Strings{"a@5 red", "b@11 red"});
}

TEST_CASE("Reflector: a stream that breaks is probed and resumed from the last version", "[reflector]") {
  const auto end = GENERATE(End::Cut, End::Silence);
  Fixture f;
  f.follow();
  REQUIRE(f.script.push(bookmark("12") + R"({"type":"ADDED","obj)"));  // cut mid-line
  f.script.add({"limit=1&"}, {.end = End::Refuse});
  f.script.add({"limit=1&"}, {503, {status(503, "ServiceUnavailable")}});
  f.script.add(kProbe, {.chunks = {list("15", {object("a", "5")})}});
  f.script.add(watch_from("12"), {.chunks = {added("b", "13")}, .end = End::Hold});
  f.go_on(end);
  CHECK(f.content() == Strings{"a@5 red", "b@13 red"});
  CHECK(f.listings("start") == 1);
  CHECK(f.metric("kube_watch_failures_total") == 3);
}

TEST_CASE("Reflector: a good end in the middle of an event is a failure", "[reflector]") {
  Fixture f;
  f.follow();
  REQUIRE(f.script.push(R"({"type":"ADDED","obj)"));
  f.script.add(kProbe, {.chunks = {list("15", {})}});
  f.script.add(watch_from("10"), {.end = End::Hold});
  f.go_on(End::Close);
  CHECK(f.metric("kube_watch_failures_total") == 1);
}

TEST_CASE("Reflector: etcd came back from a backup", "[reflector]") {
  Fixture f;
  f.follow();
  REQUIRE(f.script.push(added("lost", "30") + event("MODIFIED", object("a", "31", "lost"))));
  SECTION("the probe shows it") {
    f.script.add(kProbe, {.chunks = {list("12", {})}});
    f.script.add(kInitial, {.chunks = {added("a", "5"), bookmark("12", true)}, .end = End::Hold});
    f.go_on(End::Cut);
  }
  SECTION("a bookmark shows it") {
    f.script.add(kInitial, {.chunks = {added("a", "5"), bookmark("12", true)}, .end = End::Hold});
    REQUIRE(f.script.push(bookmark("11")));
    REQUIRE(f.script.wait_held());
  }
  SECTION("an event shows it") {
    f.script.add(kInitial, {.chunks = {added("a", "5"), bookmark("12", true)}, .end = End::Hold});
    REQUIRE(f.script.push(added("b", "11")));
    REQUIRE(f.script.wait_held());
  }
  CHECK(f.content() == Strings{"a@5 red"});
  CHECK(f.listings("went_back") == 1);
  REQUIRE(f.script.push(event("MODIFIED", object("a", "13", "blue"))));
  CHECK(f.content() == Strings{"a@13 blue"});
}

TEST_CASE("Reflector: a resource that the server does not know yet", "[reflector]") {
  Fixture f;
  f.script.add(kInitial, {404, {"404 page not found\n"}});
  f.script.add(kInitial, {404, {"404 page not found\n"}});
  f.script.add(kInitial, {429, {status(429, "TooManyRequests")}});  // its storage is being set up
  f.script.add(kInitial, {.end = End::Hold});
  f.play();
  CHECK_FALSE(f.store.synced());
  CHECK(f.reflector().state() == Reflector::State::Missing);
  CHECK(f.metric("kube_watch_resource_missing") == 1);
  REQUIRE(f.script.push(bookmark("10", true)));
  CHECK(f.metric("kube_watch_resource_missing") == 0);
  CHECK(f.store.synced());
  CHECK(f.reflector().state() == Reflector::State::Watching);
}

TEST_CASE("Reflector: what cannot be read is skipped", "[reflector]") {
  Fixture f;
  f.follow();
  REQUIRE(f.script.push(added("b", "11", "unreadable") + "not json\n" + event("SURPRISE", object("c", "12")) +
                        event("ADDED", "{}") + added("d", "13")));
  CHECK(f.content() == Strings{"a@5 red", "d@13 red"});
  CHECK(f.metric("kube_watch_skipped_objects_total") == 4);
  CHECK(f.metric("kube_watch_failures_total") == 0);
}

TEST_CASE("Reflector: an object that is broken in a listing does not stop the others", "[reflector]") {
  Fixture f;
  f.script.add(kInitial, {422, {status(422, "Invalid")}});
  f.script.add(
      kFirstPage,
      {.chunks = {list("10", {object("a", "5"), object("b", "6", "unreadable"), "{}", object("c", "7")})}});
  f.script.add(watch_from("10"), {.end = End::Hold});
  f.play();
  CHECK(f.content() == Strings{"a@5 red", "c@7 red"});
  CHECK(f.metric("kube_watch_skipped_objects_total") == 2);
}

TEST_CASE("Reflector: stop interrupts, and drops an unfinished listing", "[reflector]") {
  Fixture f;
  SECTION("initial events") { f.script.add(kInitial, {.chunks = {added("a", "5")}, .end = End::Hold}); }
  SECTION("a page") {
    f.script.add(kInitial, {422, {status(422, "Invalid")}});
    f.script.add(kFirstPage,
                 {.chunks = {R"({"metadata":{"resourceVersion":"10"},"items":[)", object("a", "5")},
                  .end = End::Hold});
  }
  f.play();
  f.reflector().stop();
  CHECK_FALSE(f.store.synced());
  CHECK(f.content() == Strings{"a@5 red"});
  CHECK(f.metric("kube_watch_failures_total") <= 1);  // the refusal, not the stop
}

TEST_CASE("Reflector: stop interrupts a pause", "[reflector]") {
  ReflectorOptions options;
  options.times.backoff = Backoff{1h, 1h, 1.0, 0.0};
  Fixture f{options};
  f.script.add(kInitial, {.chunks = {bookmark("10", true)}, .end = End::Hold});
  f.play();
  f.script.let_go(End::Cut);
  f.reflector().stop();
}

TEST_CASE("Reflector: it can be started again, and lists again", "[reflector]") {
  Fixture f;
  f.follow();
  f.reflector().stop();
  f.script.add(kInitial, {.chunks = {added("b", "16"), bookmark("20", true)}, .end = End::Hold});
  f.play();
  CHECK(f.content() == Strings{"b@16 red"});
}

TEST_CASE("Reflector: progress is visible", "[reflector]") {
  Fixture f;
  f.follow();
  const SteadyTime first = f.reflector().last_progress();
  CHECK(first <= SystemClock{}.now());
  REQUIRE(f.script.push(bookmark("11")));
  CHECK(f.reflector().last_progress() >= first);
  CHECK(f.metric("kube_watch_last_progress_timestamp_seconds") > 1.7e9);
}

TEST_CASE("Reflector: a failure is no progress, and a sign of life", "[reflector]") {
  Fixture f;
  f.follow();
  const SteadyTime progress = f.reflector().last_progress();
  CHECK(f.reflector().last_active() == progress);
  f.script.add(kProbe, {.chunks = {list("10", {})}});
  f.script.add(watch_from("10"), {.end = End::Hold});
  f.go_on(End::Cut);
  CHECK(f.reflector().last_progress() == progress);
  CHECK(f.reflector().last_active() > progress);
}

TEST_CASE("Reflector: trouble is logged when it begins, when it changes and when it is over", "[reflector]") {
  Fixture f;
  for (int i = 0; i < 3; ++i) f.script.add(kInitial, {429, {status(429, "TooManyRequests")}});
  for (int i = 0; i < 3; ++i) f.script.add(kInitial, {.end = End::Refuse});
  f.follow();
  CHECK(f.metric("kube_watch_failures_total") == 6);
  CHECK(f.logged("watch failed") == 2);
  CHECK(f.logged("the server answers again") == 1);
  f.script.add(kProbe, {.chunks = {list("10", {})}});
  f.script.add(watch_from("10"), {.end = End::Hold});
  f.go_on(End::Cut);
  CHECK(f.logged("watch failed") == 3);
  CHECK(f.logged("the server answers again") == 2);
}

}  // namespace
}  // namespace tp::kube
