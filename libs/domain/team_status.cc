#include "domain/team_status.h"

#include <algorithm>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/time.h"

namespace tp::domain {
namespace {

using json::View;
using Json = nlohmann::json;

std::string text(View value) { return std::string{value.text()}; }

WallTime time(View value) { return parse_rfc3339(value.text()).value_or(WallTime{}); }

template <class T, class Read>
std::vector<T> list(View value, Read read) {
  std::vector<T> items;
  items.reserve(value.size());
  value.each([&](View item) { items.push_back(read(item)); });
  return items;
}

InventoryEntry read_entry(View item) {
  std::string api_version = text(item["group"]);
  if (!api_version.empty()) api_version += '/';
  api_version += item["version"].text();
  return {.api_version = std::move(api_version),
          .kind = text(item["kind"]),
          .name = text(item["name"]),
          .uid = text(item["uid"])};
}

std::optional<TokenIntent> read_intent(View intent) {
  if (!intent) return std::nullopt;
  return TokenIntent{.since = time(intent["since"]),
                     .attempted = time(intent["attempted"]),
                     .known = list<std::string>(intent["known"], text),
                     .open = intent["open"].boolean().value_or(false)};
}

TokenStatus read_token(View token) {
  return {.id = text(token["id"]),
          .issued_at = time(token["issuedAt"]),
          .retiring = list<RetiringToken>(token["retiring"],
                                          [](View item) {
                                            return RetiringToken{.id = text(item["id"]),
                                                                 .revoke_at = time(item["revokeAt"])};
                                          }),
          .intent = read_intent(token["intent"]),
          .last_handled_rotation = text(token["lastHandledRotation"])};
}

std::optional<ResolvedSchedules> read_schedules(View schedules) {
  if (!schedules) return std::nullopt;
  return ResolvedSchedules{.pipeline = text(schedules["pipeline"]),
                           .dependency_discovery = text(schedules["dependencyDiscovery"])};
}

std::shared_ptr<const PlatformStatus> read_platform(View status) {
  const View bootstrap = status["bootstrap"];
  const View config = status["config"];
  PlatformStatus platform{
      .token_secret = text(status["tokenSecretRef"]["name"]),
      .token = read_token(status["token"]),
      .bootstrap = {.key = text(bootstrap["key"]),
                    .run_id = text(bootstrap["runId"]),
                    .last_handled_request = text(bootstrap["lastHandledRequest"]),
                    .knowledge_base_namespace = text(status["knowledgeBase"]["namespace"])},
      .schedules = read_schedules(status["schedules"]),
      .owned_keys = list<std::string>(config["ownedKeys"], text),
      .pending_patch = text(config["pendingPatch"]),
      .synced_config = text(config["syncedDigest"]),
      .published_url = text(config["publishedUrl"])};
  if (platform == PlatformStatus{}) return nullptr;
  return std::make_shared<const PlatformStatus>(std::move(platform));
}

RunPhase phase(View value) {
  if (value.text() == to_string(RunPhase::Running)) return RunPhase::Running;
  return value.text() == to_string(RunPhase::Succeeded) ? RunPhase::Succeeded : RunPhase::Failed;
}

std::optional<LastRun> read_last_run(View run) {
  if (!run) return std::nullopt;
  return LastRun{.id = text(run["id"]),
                 .generation = run["generation"].integer().value_or(0),
                 .phase = phase(run["phase"]),
                 .steps = list<RunStep>(run["steps"],
                                        [](View step) {
                                          return RunStep{.name = text(step["name"]),
                                                         .phase = phase(step["phase"]),
                                                         .message = text(step["message"])};
                                        }),
                 .started_at = text(run["startedAt"]),
                 .completed_at = text(run["completedAt"]),
                 .error = text(run["error"])};
}

ReleasePhase release_phase(View value) {
  if (value.text() == to_string(ReleasePhase::Progressing)) return ReleasePhase::Progressing;
  return value.text() == to_string(ReleasePhase::RolledBack) ? ReleasePhase::RolledBack
                                                             : ReleasePhase::Complete;
}

std::shared_ptr<const ReleaseStatus> read_release(View status) {
  const View rollout = status["releaseRollout"];
  if (!rollout) return nullptr;
  return std::make_shared<const ReleaseStatus>(
      ReleaseStatus{.active = text(status["activeRelease"]),
                    .previous = text(status["previousRelease"]),
                    .phase = release_phase(rollout["phase"]),
                    .failed = text(rollout["failedRelease"]),
                    .failed_generation = rollout["failedGeneration"].integer().value_or(0)});
}

// Sets what is not empty.
void put(Json& object, const char* name, const std::string& value) {
  if (!value.empty()) object[name] = value;
}
void put(Json& object, const char* name, WallTime value) {
  if (value != WallTime{}) object[name] = to_rfc3339_micro(value);
}
void put(Json& object, const char* name, Json value) {
  if (!value.empty()) object[name] = std::move(value);
}

template <class T, class Write>
Json array(const std::vector<T>& items, Write write) {
  Json list = Json::array();
  for (const T& item : items) list.push_back(write(item));
  return list;
}

Json entry_to_json(const InventoryEntry& entry) {
  Json json{{"kind", entry.kind}, {"name", entry.name}, {"uid", entry.uid}};
  const std::size_t slash = entry.api_version.find('/');
  if (slash == std::string::npos) {
    json["version"] = entry.api_version;
  } else {
    json["group"] = entry.api_version.substr(0, slash);
    json["version"] = entry.api_version.substr(slash + 1);
  }
  return json;
}

Json token_to_json(const TokenStatus& token) {
  Json json = Json::object();
  put(json, "id", token.id);
  put(json, "issuedAt", token.issued_at);
  put(json, "retiring", array(token.retiring, [](const RetiringToken& retiring) {
        return Json{{"id", retiring.id}, {"revokeAt", to_rfc3339_micro(retiring.revoke_at)}};
      }));
  if (token.intent) {
    const TokenIntent& intent = *token.intent;
    Json& written = json["intent"] = Json{{"since", to_rfc3339_micro(intent.since)},
                                          {"attempted", to_rfc3339_micro(intent.attempted)},
                                          {"open", intent.open}};
    put(written, "known", Json(intent.known));
  }
  put(json, "lastHandledRotation", token.last_handled_rotation);
  return json;
}

Json last_run_to_json(const LastRun& run) {
  Json json{{"id", run.id},
            {"generation", run.generation},
            {"phase", to_string(run.phase)},
            {"startedAt", run.started_at}};
  put(json, "steps", array(run.steps, [](const RunStep& step) {
        Json written{{"name", step.name}, {"phase", to_string(step.phase)}};
        put(written, "message", step.message);
        return written;
      }));
  put(json, "completedAt", run.completed_at);
  put(json, "error", run.error);
  return json;
}

void put_release(Json& status, const ReleaseStatus& release) {
  put(status, "activeRelease", release.active);
  put(status, "previousRelease", release.previous);
  Json& rollout = status["releaseRollout"] = {{"phase", to_string(release.phase)}};
  if (release.failed.empty()) return;
  rollout["failedRelease"] = release.failed;
  rollout["failedGeneration"] = release.failed_generation;
}

void put_platform(Json& status, const PlatformStatus& platform) {
  Json secret = Json::object();
  put(secret, "name", platform.token_secret);
  put(status, "tokenSecretRef", std::move(secret));
  put(status, "token", token_to_json(platform.token));

  Json bootstrap = Json::object();
  put(bootstrap, "key", platform.bootstrap.key);
  put(bootstrap, "runId", platform.bootstrap.run_id);
  put(bootstrap, "lastHandledRequest", platform.bootstrap.last_handled_request);
  put(status, "bootstrap", std::move(bootstrap));
  Json knowledge = Json::object();
  put(knowledge, "namespace", platform.bootstrap.knowledge_base_namespace);
  put(status, "knowledgeBase", std::move(knowledge));

  // Read, even if none was found. Both members in any case: the API server makes null of an object whose last
  // member an apply takes away, and then refuses it.
  if (platform.schedules) {
    status["schedules"] = {{"pipeline", platform.schedules->pipeline},
                           {"dependencyDiscovery", platform.schedules->dependency_discovery}};
  }

  Json config = Json::object();
  put(config, "ownedKeys", Json(platform.owned_keys));
  put(config, "pendingPatch", platform.pending_patch);
  put(config, "syncedDigest", platform.synced_config);
  put(config, "publishedUrl", platform.published_url);
  put(status, "config", std::move(config));
}

}  // namespace

TeamStatus read_status(View status) {
  TeamStatus read{.observed_generation = status["observedGeneration"].integer().value_or(-1),
                  .conditions = kube::read_conditions(status["conditions"]),
                  .service_url = text(status["serviceUrl"]),
                  .last_handled_reconcile_at = text(status["lastHandledReconcileAt"]),
                  .inventory = list<InventoryEntry>(status["inventory"], read_entry),
                  .last_run = read_last_run(status["lastRun"]),
                  .release = read_release(status),
                  .platform = read_platform(status)};
  std::sort(read.inventory.begin(), read.inventory.end());
  return read;
}

Json status_to_json(const TeamStatus& status) {
  Json json{{"observedGeneration", status.observed_generation},
            {"conditions", kube::to_json(status.conditions)}};
  put(json, "serviceUrl", status.service_url);
  put(json, "lastHandledReconcileAt", status.last_handled_reconcile_at);
  put(json, "inventory", array(status.inventory, entry_to_json));
  if (status.last_run) json["lastRun"] = last_run_to_json(*status.last_run);
  if (status.release) put_release(json, *status.release);
  if (status.platform) put_platform(json, *status.platform);
  return json;
}

}  // namespace tp::domain
