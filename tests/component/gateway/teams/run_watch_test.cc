#include "gateway/teams/run_watch.h"

#include <future>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "component/gateway/inbox/fixture.h"
#include "support/script_http_client.h"
#include "support/team_objects.h"

namespace tp::gateway::test {
namespace {

using namespace std::chrono_literals;
using Json = nlohmann::json;
using tp::test::ScriptHttpClient;
using tp::test::TeamObject;

constexpr auto kPatience = 30s;

Json last_run(const std::string& id, const std::string& phase, int generation = 1) {
  return {{"lastRun",
           {{"id", id},
            {"generation", generation},
            {"phase", phase},
            {"steps", Json::array()},
            {"startedAt", "2026-01-01T00:00:00Z"}}}};
}

// A watch of teams whose events the test makes.
struct Watched : Fixture {
  explicit Watched(const std::vector<std::string>& namespaces = {})
      : cache(namespaces),
        watch(std::make_unique<RunWatch>(
            cache,
            runs,
            pool(),
            api,
            [this](const ProvisioningRun& run) { ended.push_back(run.id); },
            db.clock(),
            no_log())) {}
  ~Watched() { watch.reset(); }

  kube::Collection& collection() { return cache.watches().front().collection; }
  void list(const std::vector<TeamObject>& objects) {
    collection().begin_replace();
    for (const TeamObject& object : objects) show(object);
    collection().end_replace(next());
  }
  void show(TeamObject object) {
    object.version = next();
    json::Document document;
    must(document.parse(object.text()));
    must(collection().upsert(document.root()));
  }
  void remove(TeamObject object) {
    object.version = next();
    json::Document document;
    must(document.parse(object.text()));
    must(collection().remove(document.root()));
  }
  std::string next() { return std::to_string(++version_); }

  ProvisioningRun begin(const TeamObject& object, RunKind kind = RunKind::Provision) {
    TeamResource resource;
    resource.meta = {.key = {"incidentfox", object.name}, .uid = object.uid, .generation = 1};
    return must(runs.begin(ctx(),
                           {.id = new_event_id(db.clock().wall_now(), rng).str(),
                            .team = {object.org, object.node},
                            .kind = kind,
                            .hash = "h"},
                           [&](const Context&) -> Result<TeamResourcePointer> {
                             return std::make_shared<const TeamResource>(resource);
                           }))
        .run;
  }
  using Answered = std::future<std::optional<ProvisioningRun>>;
  Answered await(const ProvisioningRun& run, std::chrono::milliseconds time = kPatience) {
    auto answer = std::make_shared<std::promise<std::optional<ProvisioningRun>>>();
    watch->await(run, db.clock().now() + time, [answer](std::optional<ProvisioningRun> ended_run) {
      answer->set_value(std::move(ended_run));
    });
    return answer->get_future();
  }
  static std::optional<ProvisioningRun> get(Answered answered) {
    if (answered.wait_for(kPatience * 2) != std::future_status::ready) throw std::runtime_error{"no answer"};
    return answered.get();
  }
  // Waits for a row of team_runtimes, as text.
  void wait_runtimes(const std::string& wanted) {
    const auto until = db.clock().now() + kPatience;
    std::string seen;
    while (seen != wanted) {
      if (db.clock().now() > until) FAIL("runtimes are " << seen << ", not " << wanted);
      seen = db.value(
          "SELECT coalesce(string_agg(team_node_id || ' ' || mode || ' ' || ready || ' ' || service_url, ', "
          "' "
          "ORDER BY 1), '') FROM orchestrator.team_runtimes");
    }
  }

  ScriptHttpClient server;
  kube::ApiClient api{server, server, db.clock()};
  TeamCache cache;
  ProvisioningRuns runs{pool()};
  std::vector<std::string> ended;
  std::unique_ptr<RunWatch> watch;

 private:
  int version_ = 100;
};

Json dedicated(const std::string& url, bool available) {
  return {{"serviceUrl", url},
          {"conditions",
           {{{"type", "AgentAvailable"},
             {"status", available ? "True" : "False"},
             {"reason", "R"},
             {"message", ""},
             {"lastTransitionTime", "2026-01-01T00:00:00Z"}}}}};
}

TEST_CASE("run watch: a run ends when its resource says so, and who waits is told") {
  Watched f;
  f.list({{}});
  f.watch->start();
  const ProvisioningRun run = f.begin({});
  auto answered = f.await(run);
  f.show({.status = last_run(run.id, "Running")});
  f.show({.status = last_run(run.id, "Succeeded")});
  const auto ended = f.get(std::move(answered));
  REQUIRE(ended);
  CHECK(ended->status == RunStatus::Succeeded);
  CHECK(must(f.runs.get(f.ctx(), run.id))->status == RunStatus::Succeeded);
  CHECK(f.ended == std::vector<std::string>{run.id});
}

TEST_CASE("run watch: what came before anybody waited counts") {
  Watched f;
  f.list({{}});
  f.watch->start();
  const ProvisioningRun run = f.begin({});
  f.show({.status = last_run(run.id, "Succeeded")});
  f.wait_runtimes("checkout shared false ");
  CHECK(f.get(f.await(run))->status == RunStatus::Succeeded);
}

TEST_CASE("run watch: who waits no longer is told nothing of the end") {
  Watched f;
  f.list({{}});
  f.watch->start();
  const ProvisioningRun run = f.begin({});
  CHECK_FALSE(f.get(f.await(run, 10ms)));
  auto answered = f.await(run);
  f.show({.status = last_run(run.id, "Succeeded")});
  CHECK(f.get(std::move(answered)));
}

TEST_CASE("run watch: a deprovisioning ends with its resource") {
  Watched f;
  f.list({{}});
  f.watch->start();
  const ProvisioningRun run = f.begin({}, RunKind::Deprovision);
  auto answered = f.await(run);
  // Should it look for open runs just now, it asks the server too.
  f.server.add({"/teamprovisionings/team-acme-checkout"},
               {.status = 404, .chunks = {R"({"kind":"Status"})"}});
  f.remove({});
  CHECK(f.get(std::move(answered))->status == RunStatus::Succeeded);
}

TEST_CASE("run watch: runs of a former life are taken up from the first listing") {
  Watched f;
  const ProvisioningRun over = f.begin({});
  const ProvisioningRun gone =
      f.begin({.name = "gone", .uid = "uid-gone", .node = "gone"}, RunKind::Deprovision);
  f.server.add({"/teamprovisionings/gone"}, {.status = 404, .chunks = {R"({"kind":"Status"})"}});
  f.list({{.status = last_run(over.id, "Succeeded")}});
  f.watch->start();
  CHECK(f.get(f.await(over))->status == RunStatus::Succeeded);
  CHECK(f.get(f.await(gone))->status == RunStatus::Succeeded);
  CHECK(f.server.problems().empty());
}

TEST_CASE("run watch: a resource that only this cache does not show yet is not gone") {
  Watched f;
  const TeamObject unseen{.name = "unseen", .uid = "uid-unseen", .node = "unseen"};
  f.list({});
  const ProvisioningRun run = f.begin(unseen);
  f.server.add({"/teamprovisionings/unseen"}, {.status = 200, .chunks = {unseen.text()}});
  f.watch->start();
  auto answered = f.await(run);
  TeamObject shown = unseen;
  shown.status = last_run(run.id, "Succeeded");
  f.show(shown);
  CHECK(f.get(std::move(answered))->status == RunStatus::Succeeded);
}

TEST_CASE("run watch: team_runtimes says what the resources say") {
  Watched f;
  TeamRuntimes table{f.pool()};
  must(table.put(f.ctx(),
                 {.org_id = "acme", .team_node_id = "left", .service_url = "http://left", .ready = true}));
  const TeamObject team{.spec = {{"runtime", {{"mode", "Dedicated"}}}},
                        .status = dedicated("http://a:8080", false)};
  f.list({team});
  f.watch->start();
  f.wait_runtimes("checkout dedicated false http://a:8080");
  TeamObject available = team;
  available.status = dedicated("http://a:8080", true);
  f.show(available);
  f.wait_runtimes("checkout dedicated true http://a:8080");
  // A listing puts right what somebody else has written.
  f.db.run("UPDATE orchestrator.team_runtimes SET service_url = 'http://evil', ready = true");
  f.list({available});
  f.wait_runtimes("checkout dedicated true http://a:8080");
  f.remove(available);
  f.wait_runtimes("");
}

TEST_CASE("run watch: what senders wrote about a team goes with its resource, if the policy says so") {
  Watched f;
  const auto payloads = [&](std::int64_t wanted) {
    const auto until = f.db.clock().now() + kPatience;
    while (f.db.count("orchestrator.payloads") != wanted && f.db.clock().now() < until) {
      Mutex m;
      CondVar never;
      const MutexLock lock{m};
      static_cast<void>(never.wait_for(m, {}, 10ms, [] { return false; }));
    }
    return f.db.count("orchestrator.payloads") == wanted;
  };
  const auto arrive = [&](const std::string& id) { f.arrive(f.worker(), "acme", "checkout", {id}); };
  const TeamObject keeps{};
  const TeamObject clears{.spec = {{"deletionPolicy", {{"config", "Clear"}}}}};
  arrive("1");
  f.list({keeps});
  f.watch->start();
  f.wait_runtimes("checkout shared false ");
  f.remove(keeps);
  f.wait_runtimes("");
  CHECK(payloads(1));

  f.show(clears);
  f.wait_runtimes("checkout shared false ");
  f.remove(clears);
  CHECK(payloads(0));
  CHECK(f.state_of(f.id_of("1")) == "dead/purged");

  // It went while nobody watched.
  f.wait_runtimes("");
  arrive("2");
  TeamRuntimes table{f.pool()};
  must(table.put(f.ctx(), {.org_id = "acme", .team_node_id = "checkout", .mode = "shared", .purge = true}));
  f.list({});
  CHECK(payloads(0));
  f.wait_runtimes("");
}

TEST_CASE("run watch: a team of a namespace that is not watched is not gone") {
  Watched f{{"incidentfox"}};
  TeamRuntimes table{f.pool()};
  f.arrive(f.worker(), "acme", "elsewhere", {"1"});
  const auto known = [&](const std::string& team, const std::string& ns) {
    must(table.put(f.ctx(),
                   {.org_id = "acme", .team_node_id = team, .mode = "shared", .purge = true, .ns = ns}));
  };
  known("elsewhere", "another");
  known("here", "incidentfox");
  known("somewhere", "");  // from before namespaces were written down
  f.watch->start();
  f.list({});
  f.wait_runtimes("elsewhere shared false ");
  CHECK(f.db.count("orchestrator.payloads") == 1);
}

TEST_CASE("run watch: nothing is lost while the database is away") {
  Watched f;
  f.list({{}});
  f.watch->start();
  f.wait_runtimes("checkout shared false ");
  const ProvisioningRun run = f.begin({});
  auto answered = f.await(run);
  f.db.close(true);
  f.db.break_connections();
  f.show({.status = last_run(run.id, "Succeeded")});
  f.db.close(false);
  CHECK(f.get(std::move(answered))->status == RunStatus::Succeeded);
}

}  // namespace
}  // namespace tp::gateway::test
