#include "kube/runtime/controller.h"

#include <atomic>
#include <cstdio>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <unistd.h>

#include "support/catch.h"
#include "support/fake_clock.h"
#include "support/manual_rng.h"

namespace tp::kube {
namespace {

using namespace std::chrono_literals;

ObjectKey key(const std::string& name) { return {"ns", name}; }

// Records each call, then does what the test wants.
class Recorder final : public Reconciler {
 public:
  using Body = std::function<Result<Next>(const Context&, const ObjectKey&, int nth)>;

  explicit Recorder(Body body) : body_(std::move(body)) {}

  Result<Next> reconcile(const Context& ctx, const ObjectKey& key) override {
    int nth = 0;
    {
      const MutexLock lock{m_};
      nth = ++calls_[key.name];
      ids_.push_back(ctx.id);
    }
    changed_.notify_all();
    return body_(ctx, key, nth);
  }

  // False after half a minute.
  bool wait_calls(const std::string& name, int count) {
    const MutexLock lock{m_};
    return changed_.wait_for(m_, {}, 30s, [&]() TP_REQUIRES(m_) { return calls_[name] >= count; });
  }

  int calls(const std::string& name) {
    const MutexLock lock{m_};
    return calls_[name];
  }

  std::vector<std::string> ids() {
    const MutexLock lock{m_};
    return ids_;
  }

 private:
  const Body body_;
  Mutex m_;
  CondVar changed_;
  std::map<std::string, int> calls_ TP_GUARDED_BY(m_);
  std::vector<std::string> ids_ TP_GUARDED_BY(m_);
};

// Something that happens once, on another thread.
class Signal {
 public:
  void set() {
    {
      const MutexLock lock{m_};
      set_ = true;
    }
    changed_.notify_all();
  }

  // False when `stop` was requested first, or after half a minute.
  bool wait(const std::stop_token& stop = {}) {
    const MutexLock lock{m_};
    return changed_.wait_for(m_, stop, 30s, [this]() TP_REQUIRES(m_) { return set_; });
  }

 private:
  Mutex m_;
  CondVar changed_;
  bool set_ TP_GUARDED_BY(m_) = false;
};

struct Fixture {
  explicit Fixture(Recorder::Body body, ControllerOptions options = {.backoff = {1ms, 4ms, 2.0, 0.0}})
      : reconciler{std::move(body)},
        controller{"team", queue, reconciler, options, clock, rng, log::Logger{sink, "test"}, registry} {}

  // Of a series, as it is exposed; -1 when there is none.
  double metric(const std::string& series) const {
    const std::string text = registry.expose();
    const std::size_t at = text.find("\n" + series + " ");
    return at == std::string::npos ? -1 : std::stod(text.substr(at + series.size() + 2));
  }

  double result(const std::string& name) const {
    return metric(R"(controller_runtime_reconcile_total{controller="team",result=")" + name + "\"}");
  }

  double of_controller(const std::string& name) const { return metric(name + R"({controller="team"})"); }

  double of_queue(const std::string& name) const {
    return metric(name + R"({controller="team",name="team"})");
  }

  std::string log_text() const {
    std::string text(std::size_t{1} << 16U, '\0');
    const auto size = ::pread(fileno(file.get()), text.data(), text.size(), 0);
    text.resize(size < 0 ? 0 : static_cast<std::size_t>(size));
    return text;
  }

  const SystemClock clock;
  SystemRng rng;
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> file{std::tmpfile(), std::fclose};
  log::Sink sink{clock, fileno(file.get()), log::Level::Debug, log::Format::Json};
  metrics::Registry registry;
  WorkQueue queue{clock};
  Recorder reconciler;
  Controller controller;
};

TEST_CASE("Controller: every series exists before its first event", "[controller]") {
  const Fixture f{[](const auto&, const auto&, int) { return Next{}; }};
  for (const char* name : {"success", "error", "requeue", "requeue_after"}) CHECK(f.result(name) == 0);
  for (const char* name :
       {"controller_runtime_reconcile_errors_total", "controller_runtime_reconcile_panics_total",
        "controller_runtime_terminal_reconcile_errors_total", "controller_runtime_reconcile_timeouts_total",
        "controller_runtime_active_workers", "controller_runtime_reconcile_time_seconds_count"}) {
    INFO(name);
    CHECK(f.of_controller(name) == 0);
  }
  CHECK(f.of_controller("controller_runtime_max_concurrent_reconciles") == 4);
  for (const char* name :
       {"workqueue_adds_total", "workqueue_retries_total", "workqueue_unfinished_work_seconds",
        "workqueue_longest_running_processor_seconds", "workqueue_queue_duration_seconds_count",
        "workqueue_work_duration_seconds_count"}) {
    INFO(name);
    CHECK(f.of_queue(name) == 0);
  }
  CHECK(f.metric(R"(workqueue_depth{controller="team",name="team",priority="0"})") == 0);
  CHECK(f.metric(R"(workqueue_depth{controller="team",name="team",priority="-100"})") == 0);
}

TEST_CASE("Controller: a success needs no more than itself", "[controller]") {
  Fixture f{[](const auto&, const auto&, int) { return Next{}; }};
  f.queue.add(key("a"));
  f.queue.add(key("b"));
  f.queue.add(key("c"), Priority::Low);
  CHECK(f.metric(R"(workqueue_depth{controller="team",name="team",priority="0"})") == 2);
  CHECK(f.metric(R"(workqueue_depth{controller="team",name="team",priority="-100"})") == 1);
  f.controller.start();
  for (const char* name : {"a", "b", "c"}) REQUIRE(f.reconciler.wait_calls(name, 1));
  f.controller.stop();
  CHECK(f.result("success") == 3);
  CHECK(f.of_queue("workqueue_adds_total") == 3);
  CHECK(f.of_queue("workqueue_queue_duration_seconds_count") == 3);
  CHECK(f.of_queue("workqueue_work_duration_seconds_count") == 3);
  CHECK(f.of_controller("controller_runtime_reconcile_time_seconds_count") == 3);
  CHECK(f.of_controller("controller_runtime_active_workers") == 0);
  CHECK(f.queue.depth() == 0);
}

TEST_CASE("Controller: Next::after brings the key back as Low", "[controller]") {
  Fixture f{[](const auto&, const auto&, int) { return Next{.after = 1h}; }};
  f.queue.add(key("a"));
  f.controller.start();
  REQUIRE(f.reconciler.wait_calls("a", 1));
  f.controller.stop();
  CHECK(f.result("requeue_after") == 1);
  CHECK(f.queue.stats().delayed == 1);
}

TEST_CASE("Controller: a retryable error comes back until it is gone", "[controller]") {
  Fixture f{[](const auto&, const auto&, int nth) -> Result<Next> {
    if (nth <= 3) return Error{ErrorCode::Unavailable, "no answer"};
    return Next{};
  }};
  f.queue.add(key("a"));
  f.controller.start();
  REQUIRE(f.reconciler.wait_calls("a", 4));
  f.controller.stop();
  CHECK(f.result("error") == 3);
  CHECK(f.result("success") == 1);
  CHECK(f.of_controller("controller_runtime_reconcile_errors_total") == 3);
  CHECK(f.of_controller("controller_runtime_terminal_reconcile_errors_total") == 0);
  CHECK(f.of_queue("workqueue_retries_total") == 3);
  CHECK(f.queue.depth() == 0);
}

// Runs key "a" once for each element of `outcomes` (an error, or success), on a clock that only the test
// moves, and returns the pause after each failure in milliseconds.
std::vector<std::int64_t> pauses(const std::vector<std::optional<Error>>& outcomes, const Backoff& backoff) {
  test::FakeClock clock;
  test::ManualRng rng;
  metrics::Registry registry;
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file{std::tmpfile(), std::fclose};
  log::Sink sink{clock, fileno(file.get()), log::Level::Warn, log::Format::Json};
  WorkQueue queue{clock};
  Recorder reconciler{[&](const auto&, const auto&, int nth) -> Result<Next> {
    const auto& outcome = outcomes.at(static_cast<std::size_t>(nth - 1));
    if (outcome) return *outcome;
    return Next{};
  }};
  Controller controller{
      "team",  queue, reconciler, {.workers = 1, .backoff = backoff}, clock, rng, log::Logger{sink, "test"},
      registry};
  std::vector<std::int64_t> found;
  for (std::size_t i = 0; i < outcomes.size(); ++i) {
    queue.add(key("a"));
    controller.start();
    REQUIRE(reconciler.wait_calls("a", static_cast<int>(i) + 1));
    controller.stop();
    if (!outcomes[i] || queue.depth() == 0) continue;
    std::int64_t waited = 0;
    while (!queue.try_take()) {
      clock.advance(1ms);
      ++waited;
    }
    queue.done(key("a"));
    found.push_back(waited);
  }
  return found;
}

TEST_CASE("Controller: the backoff doubles to its limit, a success resets it", "[controller]") {
  const std::optional<Error> bad = Error{ErrorCode::Unavailable, "no answer"};
  CHECK(pauses({bad, bad, bad, bad, std::nullopt, bad}, {500ms, 3s, 2.0, 0.25}) ==
        std::vector<std::int64_t>{500, 1000, 2000, 3000, 500});
}

TEST_CASE("Controller: retry_after is the least pause, within reason", "[controller]") {
  const auto busy = [](std::chrono::milliseconds after) {
    return Error{ErrorCode::ResourceExhausted, "busy", after};
  };
  CHECK(pauses({busy(2s), busy(1ms), busy(1h)}, {500ms, 3s, 2.0, 0.25}) ==
        std::vector<std::int64_t>{2000, 1000, 3000});
}

TEST_CASE("Controller: a terminal error is no reason to try again, and forgets the failures before",
          "[controller]") {
  const std::optional<Error> bad = Error{ErrorCode::Unavailable, "no answer"};
  const std::optional<Error> never = Error{ErrorCode::InvalidArgument, "cannot work"};
  CHECK(pauses({bad, bad, never, bad}, {500ms, 3s, 2.0, 0.25}) == std::vector<std::int64_t>{500, 1000, 500});
}

TEST_CASE("Controller: a terminal error is counted and waits for a change", "[controller]") {
  Fixture f{[](const auto&, const auto&, int nth) -> Result<Next> {
    if (nth == 1) return Error{ErrorCode::NotFound, "no such secret"};
    return Next{};
  }};
  f.queue.add(key("a"));
  f.controller.start();
  REQUIRE(f.reconciler.wait_calls("a", 1));
  f.controller.stop();
  CHECK(f.queue.depth() == 0);
  CHECK(f.of_controller("controller_runtime_terminal_reconcile_errors_total") == 1);
  CHECK(f.result("error") == 1);
  f.queue.add(key("a"));
  f.controller.start();
  REQUIRE(f.reconciler.wait_calls("a", 2));
}

TEST_CASE("Controller: an exception does not end the worker", "[controller]") {
  Fixture f{[](const auto&, const auto&, int nth) -> Result<Next> {
              if (nth == 1) throw std::runtime_error{"oops"};
              if (nth == 2) throw 42;  // NOLINT(hicpp-exception-baseclass): that is the point
              return Next{};
            },
            {.workers = 1, .backoff = {1ms, 4ms, 2.0, 0.0}}};
  f.queue.add(key("a"));
  f.controller.start();
  REQUIRE(f.reconciler.wait_calls("a", 3));
  f.controller.stop();
  CHECK(f.of_controller("controller_runtime_reconcile_panics_total") == 2);
  CHECK(f.of_controller("controller_runtime_reconcile_errors_total") == 2);
  CHECK(f.result("success") == 1);
  CHECK(f.log_text().find("oops") != std::string::npos);
}

TEST_CASE("Controller: log lines carry the reconcile's ids and the object", "[controller]") {
  std::vector<TraceId> traces;  // one key: never two at once
  Fixture f{[&](const Context& ctx, const auto&, int nth) -> Result<Next> {
    traces.push_back(ctx.trace);
    if (nth == 1) return Error{ErrorCode::Conflict, "changed meanwhile"};
    return Next{};
  }};
  f.queue.add(key("a"));
  f.controller.start();
  REQUIRE(f.reconciler.wait_calls("a", 2));
  f.controller.stop();
  const auto ids = f.reconciler.ids();
  REQUIRE(ids.size() == 2);
  CHECK(ids[0].size() == 8);
  CHECK(ids[0] != ids[1]);
  REQUIRE(traces.size() == 2);
  CHECK(traces[0].str().size() == 32);
  CHECK_FALSE(traces[0] == traces[1]);
  const std::string text = f.log_text();
  CHECK(text.find(R"("reconcile_id":")" + ids[0]) != std::string::npos);
  CHECK(text.find(R"("trace_id":")" + traces[0].str()) != std::string::npos);
  CHECK(text.find("changed meanwhile") != std::string::npos);
  CHECK(text.find(R"("namespace":"ns","name":"a")") != std::string::npos);
}

TEST_CASE("Controller: stop lets what runs finish, and takes nothing more", "[controller]") {
  Signal begun;
  Signal finish;
  Fixture f{[&](const Context& ctx, const auto&, int) -> Result<Next> {
              begun.set();
              if (!finish.wait(ctx.stop)) return Error{ErrorCode::Cancelled, "stopped"};
              return Next{};
            },
            {.workers = 1}};
  f.queue.add(key("a"));
  f.queue.add(key("b"));
  f.controller.start();
  REQUIRE(begun.wait());
  CHECK(f.controller.longest_running() >= 0ns);
  const auto running = f.controller.running();
  REQUIRE(running.size() == 1);
  CHECK(running.front().key == key("a"));
  CHECK(running.front().reconcile_id == f.reconciler.ids().front());
  CHECK(f.of_controller("controller_runtime_active_workers") == 1);
  std::jthread finisher{[&] { finish.set(); }};
  f.controller.stop(30s);
  CHECK(f.result("success") >= 1);
  CHECK(f.result("requeue") == 0);
  CHECK(f.controller.longest_running() == 0ns);
  CHECK(f.controller.running().empty());
}

TEST_CASE("Controller: after the grace period what runs is cancelled, and its key is kept", "[controller]") {
  Signal begun;
  Fixture f{[&](const Context& ctx, const auto&, int nth) -> Result<Next> {
              if (nth > 1) return Next{};
              begun.set();
              Signal never;
              if (!never.wait(ctx.stop)) return Error{ErrorCode::Cancelled, "stopped"};
              return Next{};
            },
            {.workers = 1, .backoff = {1ms, 4ms, 2.0, 0.0}}};
  f.queue.add(key("a"));
  f.controller.start();
  REQUIRE(begun.wait());
  f.controller.stop(0ms);
  CHECK(f.result("requeue") == 1);
  CHECK(f.of_controller("controller_runtime_reconcile_errors_total") == 0);
  CHECK(f.queue.depth() == 1);
  f.controller.start();
  REQUIRE(f.reconciler.wait_calls("a", 2));
}

TEST_CASE("Controller: a reconcile has a deadline", "[controller]") {
  Signal seen;
  std::atomic<bool> within{false};
  Fixture f{[&](const Context& ctx, const auto&, int) -> Result<Next> {
              const auto left = ctx.remaining(SystemClock{});
              within = left > 0ms && left <= 60s;
              seen.set();
              return Next{};
            },
            {}};
  f.queue.add(key("a"));
  f.controller.start();
  REQUIRE(seen.wait());
  CHECK(within);
}

TEST_CASE("Controller: a reconcile that reaches its deadline is counted", "[controller]") {
  Fixture f{[](const auto&, const auto&, int nth) -> Result<Next> {
              if (nth == 1) return Error{ErrorCode::DeadlineExceeded, "too slow"};
              return Next{};
            },
            {.backoff = {1ms, 4ms, 2.0, 0.0}, .timeout = 0ms}};
  f.queue.add(key("a"));
  f.controller.start();
  REQUIRE(f.reconciler.wait_calls("a", 2));
  f.controller.stop();
  CHECK(f.of_controller("controller_runtime_reconcile_timeouts_total") == 1);
}

TEST_CASE("Controller: the registry may be asked after the controller is gone", "[controller]") {
  auto f = std::make_unique<metrics::Registry>();
  const SystemClock clock;
  SystemRng rng;
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file{std::tmpfile(), std::fclose};
  log::Sink sink{clock, fileno(file.get()), log::Level::Debug, log::Format::Json};
  WorkQueue queue{clock};
  Recorder reconciler{[](const auto&, const auto&, int) { return Next{}; }};
  {
    const Controller controller{"team", queue, reconciler, {}, clock, rng, log::Logger{sink, "test"}, *f};
    CHECK(f->expose().find("workqueue_depth{") != std::string::npos);
  }
  CHECK(f->expose().find("workqueue_depth{") == std::string::npos);
}

}  // namespace
}  // namespace tp::kube
