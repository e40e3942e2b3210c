#include "domain/team_status.h"

#include <chrono>
#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "json/document.h"
#include "json/parse.h"
#include "support/catch.h"

namespace tp::domain {
namespace {

TeamStatus reread(const nlohmann::json& written) {
  json::Document document;
  REQUIRE(document.parse(json::dump(written)));
  return read_status(document.root());
}

TEST_CASE("the inventory is written as groups and versions", "[team]") {
  TeamStatus status;
  status.inventory = {{"apps/v1", "Deployment", "agent", "u1"}, {"v1", "Service", "agent", "u2"}};
  const nlohmann::json written = status_to_json(status);
  CHECK(
      written.at("inventory") ==
      nlohmann::json::parse(R"([{"group":"apps","version":"v1","kind":"Deployment","name":"agent","uid":"u1"},
                                  {"version":"v1","kind":"Service","name":"agent","uid":"u2"}])"));
  CHECK(reread(written) == status);
}

TEST_CASE("an empty status has no empty parts", "[team]") {
  CHECK(status_to_json(TeamStatus{}) ==
        nlohmann::json::parse(R"({"observedGeneration":-1,"conditions":[]})"));
  CHECK(reread(nullptr) == TeamStatus{});
  CHECK(reread(nlohmann::json::object()).platform == nullptr);

  TeamStatus status;
  status.platform = std::make_shared<const PlatformStatus>();
  CHECK(status_to_json(status) == status_to_json(TeamStatus{}));
  CHECK(status == TeamStatus{});
}

TEST_CASE("what the operator remembers is written by these names", "[team]") {
  const auto time = [](int seconds) {
    return WallTime{std::chrono::seconds{1'700'000'000 + seconds} + std::chrono::microseconds{7}};
  };
  TeamStatus status;
  status.platform = std::make_shared<const PlatformStatus>(PlatformStatus{
      .token_secret = "team-token-acme-checkout",
      .token =
          {.id = "t2",
           .issued_at = time(1),
           .retiring = {{.id = "t1", .revoke_at = time(2)}},
           .intent = TokenIntent{.since = time(3), .attempted = time(4), .known = {"t1", "t2"}, .open = true},
           .last_handled_rotation = "r"},
      .bootstrap =
          {.key = "k", .run_id = "run", .last_handled_request = "b", .knowledge_base_namespace = "kb"},
      .schedules = ResolvedSchedules{.pipeline = "@daily"},
      .owned_keys = {"agent.model", "routing.slack_channel_ids"},
      .pending_patch = "d1",
      .synced_config = "d2",
      .published_url = "http://agent:8080"});
  status.last_run = LastRun{.id = "run-1",
                            .generation = 3,
                            .phase = RunPhase::Failed,
                            .steps = {{.name = "node", .phase = RunPhase::Succeeded},
                                      {.name = "token", .phase = RunPhase::Failed, .message = "no"}},
                            .started_at = "2026-01-01T00:00:00Z",
                            .completed_at = "2026-01-01T00:00:01Z",
                            .error = "no token"};
  const nlohmann::json written = status_to_json(status);
  CHECK(written == nlohmann::json::parse(R"({
    "observedGeneration":-1,"conditions":[],
    "tokenSecretRef":{"name":"team-token-acme-checkout"},
    "token":{"id":"t2","issuedAt":"2023-11-14T22:13:21.000007Z",
      "retiring":[{"id":"t1","revokeAt":"2023-11-14T22:13:22.000007Z"}],
      "intent":{"since":"2023-11-14T22:13:23.000007Z","attempted":"2023-11-14T22:13:24.000007Z",
        "known":["t1","t2"],"open":true},
      "lastHandledRotation":"r"},
    "bootstrap":{"key":"k","runId":"run","lastHandledRequest":"b"},
    "knowledgeBase":{"namespace":"kb"},
    "schedules":{"pipeline":"@daily","dependencyDiscovery":""},
    "config":{"ownedKeys":["agent.model","routing.slack_channel_ids"],"pendingPatch":"d1","syncedDigest":"d2",
      "publishedUrl":"http://agent:8080"},
    "lastRun":{"id":"run-1","generation":3,"phase":"Failed","startedAt":"2026-01-01T00:00:00Z",
      "completedAt":"2026-01-01T00:00:01Z","error":"no token",
      "steps":[{"name":"node","phase":"Succeeded"},{"name":"token","phase":"Failed","message":"no"}]}})"));
  CHECK(reread(written) == status);
}

// Each part is there or not, at random, so that all neighbours occur.
class Dice {
 public:
  explicit Dice(std::uint32_t seed) : random_(seed) {}

  bool coin() { return random_() % 2 == 0; }
  std::string text() { return coin() ? "" : "x\"\xc3\xa4" + std::to_string(random_() % 1000); }
  std::string some() { return "y" + std::to_string(random_() % 1000); }
  WallTime time() { return coin() ? WallTime{} : sometime(); }
  WallTime sometime() { return WallTime{std::chrono::microseconds{1'600'000'000'000'000 + random_()}}; }
  RunPhase phase() { return static_cast<RunPhase>(random_() % 3); }
  template <class F>
  auto list(F make) {
    std::vector<decltype(make())> items(random_() % 3);
    for (auto& item : items) item = make();
    return items;
  }

  TeamStatus status() {
    TeamStatus status;
    status.observed_generation = static_cast<std::int64_t>(random_() % 5) - 1;
    status.service_url = text();
    status.last_handled_reconcile_at = text();
    if (coin()) status.inventory = {{coin() ? "apps/v1" : "v1", "Kind", some(), some()}};
    if (coin()) status.last_run = last_run();
    if (coin()) status.platform = std::make_shared<const PlatformStatus>(platform());
    return status;
  }

 private:
  LastRun last_run() {
    return {.id = some(),
            .generation = static_cast<std::int64_t>(random_()),
            .phase = phase(),
            .steps = list([&] { return RunStep{.name = some(), .phase = phase(), .message = text()}; }),
            .started_at = "2026-01-01T00:00:00Z",
            .completed_at = coin() ? "" : "2026-01-01T00:00:01Z",
            .error = text()};
  }
  PlatformStatus platform() {
    PlatformStatus platform;
    platform.token_secret = text();
    platform.token.id = text();
    platform.token.issued_at = time();
    platform.token.retiring = list([&] { return RetiringToken{.id = some(), .revoke_at = sometime()}; });
    if (coin()) {
      platform.token.intent = TokenIntent{.since = sometime(),
                                          .attempted = sometime(),
                                          .known = list([&] { return some(); }),
                                          .open = coin()};
    }
    platform.token.last_handled_rotation = text();
    platform.bootstrap = {
        .key = text(), .run_id = text(), .last_handled_request = text(), .knowledge_base_namespace = text()};
    if (coin()) platform.schedules = ResolvedSchedules{.pipeline = text(), .dependency_discovery = text()};
    platform.owned_keys = list([&] { return some(); });
    platform.pending_patch = text();
    platform.synced_config = text();
    platform.published_url = text();
    return platform;
  }

  std::mt19937 random_;
};

TEST_CASE("every status reads back as it was written", "[team]") {
  for (std::uint32_t seed = 0; seed < 2000; ++seed) {
    const TeamStatus status = Dice{seed}.status();
    const nlohmann::json written = status_to_json(status);
    const TeamStatus read = reread(written);
    if (read == status && status_to_json(read) == written) continue;
    FAIL_CHECK("seed " << seed << ": " << written.dump());
  }
}

}  // namespace
}  // namespace tp::domain
