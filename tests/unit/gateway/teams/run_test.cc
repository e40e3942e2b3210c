#include "gateway/teams/run.h"

#include "gateway/teams/run_watch.h"
#include "support/catch.h"

namespace tp::gateway {
namespace {

using Json = nlohmann::json;
using domain::RunPhase;

ProvisioningRun a_run(RunKind kind = RunKind::Provision) {
  return {.id = "r1", .team = {"o", "t"}, .kind = kind, .resource = {"ns", "a"}, .uid = "u", .generation = 3};
}

TeamResource a_resource(const std::string& annotation, std::optional<domain::LastRun> last = {}) {
  TeamResource resource;
  resource.provisioning_run = annotation;
  resource.status.last_run = std::move(last);
  return resource;
}

domain::LastRun last(const std::string& id, std::int64_t generation, RunPhase phase) {
  return {.id = id,
          .generation = generation,
          .phase = phase,
          .steps = {{"token", phase, "said"}},
          .error = phase == RunPhase::Failed ? "why" : ""};
}

RunStatus status(const ProvisioningRun& run, const TeamResource& resource) {
  return progress_of(run, &resource).status;
}

TEST_CASE("run: it proceeds and ends as its resource says") {
  const auto run = a_run();
  CHECK(status(run, a_resource("r1")) == RunStatus::Running);
  CHECK(status(run, a_resource("r1", last("r1", 3, RunPhase::Running))) == RunStatus::Running);
  CHECK(status(run, a_resource("r1", last("r1", 3, RunPhase::Succeeded))) == RunStatus::Succeeded);
  const TeamResource failed = a_resource("r1", last("r1", 3, RunPhase::Failed));
  CHECK(progress_of(run, &failed) ==
        RunProgress{RunStatus::Failed,
                    {{"token", {{"ok", false}, {"phase", "Failed"}, {"message", "said"}}}},
                    "why"});
  const TeamResource working = a_resource("r1", last("r1", 3, RunPhase::Running));
  CHECK(progress_of(run, &working).steps.at("token").at("ok").is_null());
}

TEST_CASE("run: what an older run came to is not its own") {
  CHECK(status(a_run(), a_resource("r1", last("r0", 2, RunPhase::Failed))) == RunStatus::Running);
  // A request that changed nothing has the generation of the one before.
  CHECK(status(a_run(), a_resource("r1", last("r0", 3, RunPhase::Succeeded))) == RunStatus::Running);
}

TEST_CASE("run: one that was overtaken ends with the newer one") {
  CHECK(status(a_run(), a_resource("r2", last("r0", 2, RunPhase::Succeeded))) == RunStatus::Running);
  CHECK(status(a_run(), a_resource("r2", last("r2", 4, RunPhase::Running))) == RunStatus::Running);
  CHECK(status(a_run(), a_resource("r2", last("r2", 4, RunPhase::Succeeded))) == RunStatus::Succeeded);
  CHECK(status(a_run(), a_resource("", last("r2", 3, RunPhase::Failed))) == RunStatus::Failed);
}

TEST_CASE("run: the end of the resource") {
  CHECK(progress_of(a_run(), nullptr).status == RunStatus::Failed);
  CHECK_FALSE(progress_of(a_run(), nullptr).error.empty());
  CHECK(progress_of(a_run(RunKind::Deprovision), nullptr).status == RunStatus::Succeeded);
  const TeamResource leaving = a_resource("r1", last("r1", 3, RunPhase::Succeeded));
  CHECK(status(a_run(RunKind::Deprovision), leaving) == RunStatus::Running);
}

TEST_CASE("run: names") {
  for (const RunKind kind : {RunKind::Provision, RunKind::Deprovision, RunKind::Schedules, RunKind::Sync})
    CHECK(parse_run_kind(to_string(kind)) == kind);
  for (const RunStatus one : {RunStatus::Running, RunStatus::Succeeded, RunStatus::Failed})
    CHECK(parse_run_status(to_string(one)) == one);
}

TEST_CASE("runtime: only a dedicated agent that is available is one") {
  TeamResource resource;
  resource.spec.org_id = "o";
  resource.spec.team_node_id = "t";
  resource.meta.key.ns = "n";
  CHECK(runtime_of(resource) ==
        RuntimeRecord{.org_id = "o", .team_node_id = "t", .mode = "shared", .ns = "n"});
  resource.spec.mode = domain::RuntimeMode::Dedicated;
  resource.status.service_url = "http://a:8080";
  RuntimeRecord expected{
      .org_id = "o", .team_node_id = "t", .service_url = "http://a:8080", .mode = "dedicated", .ns = "n"};
  CHECK(runtime_of(resource) == expected);
  resource.status.conditions = {{"AgentAvailable", kube::ConditionStatus::False, "Waiting", ""}};
  CHECK(runtime_of(resource) == expected);
  resource.status.conditions = {{"AgentAvailable", kube::ConditionStatus::True, "Available", ""}};
  expected.ready = true;
  CHECK(runtime_of(resource) == expected);
  resource.spec.mode = domain::RuntimeMode::Shared;
  CHECK_FALSE(runtime_of(resource).ready);
}

}  // namespace
}  // namespace tp::gateway
