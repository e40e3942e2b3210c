#include "domain/parse_team.h"

#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "json/document.h"
#include "support/catch.h"

namespace tp::domain {
namespace {

Result<ParsedTeam> parse(std::string_view text, bool manifest = true) {
  json::Document document;
  REQUIRE(document.parse(text));
  return parse_team(document.root(), manifest);
}

std::string with_spec(std::string_view members) {
  return R"({"apiVersion":"incidentfox.io/v1alpha1","kind":"TeamProvisioning","metadata":{"name":"checkout"},)"
         R"("spec":{"orgId":"acme","teamNodeId":"checkout")" +
         (members.empty() ? std::string{} : "," + std::string{members}) + "}}";
}

TeamSpec spec_of(std::string_view members) {
  const auto parsed = parse(with_spec(members));
  REQUIRE(parsed);
  INFO(describe(parsed->errors));
  REQUIRE(parsed->errors.empty());
  return parsed->team.spec;
}

TEST_CASE("a manifest that says little gets the defaults", "[team]") {
  const TeamSpec spec = spec_of("");
  CHECK(spec.org_id == "acme");
  CHECK(spec.team_node_id == "checkout");
  CHECK_FALSE(spec.pipeline);
  CHECK_FALSE(spec.dependency_discovery);
  CHECK(spec.mode == RuntimeMode::Shared);
  CHECK(spec.dedicated == nullptr);
  CHECK(spec.children == ChildrenPolicy::Delete);
  CHECK_FALSE(spec.suspend);

  const TeamSpec dedicated = spec_of(R"("runtime":{"mode":"Dedicated","dedicated":{}})");
  CHECK(dedicated.mode == RuntimeMode::Dedicated);
  REQUIRE(dedicated.dedicated);
  CHECK(*dedicated.dedicated == DedicatedRuntime{});
  CHECK(spec_of(R"("dependencyDiscovery":{"schedule":"@daily"})").dependency_discovery->enabled);
  CHECK_FALSE(spec_of(R"("dependencyDiscovery":{"schedule":"@daily","enabled":false})")
                  .dependency_discovery->enabled);
}

TEST_CASE("every field is read", "[team]") {
  const TeamSpec spec = spec_of(R"(
    "pipeline":{"source":"Spec","schedule":"0 2 * * *","timeZone":"Europe/Amsterdam","suspend":true,"image":"a/b:1",
      "resources":{"requests":{"cpu":"500m"}}},
    "dependencyDiscovery":{"enabled":true,"schedule":"@daily","image":"a/c:1","resources":{}},
    "runtime":{"mode":"Dedicated","dedicated":{"replicas":3,"image":"a/d:1","containerPort":9000,
      "resources":{"limits":{"memory":"2Gi"}},
      "env":[{"name":"A","value":"1"},{"name":"B","valueFrom":{"secretKeyRef":{"name":"s","key":"k","optional":true}}}],
      "nodeSelector":{"disk":"ssd"},"tolerations":[{"operator":"Exists"}],
      "affinity":{"podAntiAffinity":{"requiredDuringSchedulingIgnoredDuringExecution":[{"topologyKey":"zone"}]}},
      "topologySpread":[{"maxSkew":1,"topologyKey":"zone","whenUnsatisfiable":"ScheduleAnyway"}],
      "priorityClassName":"high","disruptionBudget":{"maxUnavailable":"25%"},"networkIsolation":"Enabled"}},
    "deletionPolicy":{"children":"Orphan"},"suspend":true)");
  CHECK(spec.pipeline == Pipeline{.schedule = "0 2 * * *",
                                  .time_zone = "Europe/Amsterdam",
                                  .suspend = true,
                                  .image = "a/b:1",
                                  .resources = {{"requests", {{"cpu", "500m"}}}}});
  CHECK(spec.dependency_discovery ==
        DependencyDiscovery{
            .enabled = true, .schedule = "@daily", .image = "a/c:1", .resources = nlohmann::json::object()});
  CHECK(spec.mode == RuntimeMode::Dedicated);
  REQUIRE(spec.dedicated);
  const DedicatedRuntime& dedicated = *spec.dedicated;
  CHECK(dedicated.replicas == 3);
  CHECK(dedicated.resources == nlohmann::json::parse(R"({"limits":{"memory":"2Gi"}})"));
  CHECK(dedicated.image == "a/d:1");
  CHECK(dedicated.container_port == 9000);
  CHECK(dedicated.env ==
        std::vector<EnvVar>{{.name = "A", .value = "1"},
                            {.name = "B", .secret_name = "s", .secret_key = "k", .optional = true}});
  CHECK(dedicated.node_selector == nlohmann::json::parse(R"({"disk":"ssd"})"));
  CHECK(dedicated.tolerations == nlohmann::json::parse(R"([{"operator":"Exists"}])"));
  CHECK(dedicated.affinity.at("podAntiAffinity").size() == 1);
  CHECK(dedicated.topology_spread.at(0).at("maxSkew") == 1);
  CHECK(dedicated.priority_class_name == "high");
  CHECK(dedicated.disruption_budget == nlohmann::json::parse(R"({"maxUnavailable":"25%"})"));
  CHECK(dedicated.network_isolation);
  CHECK(spec.children == ChildrenPolicy::Orphan);
  CHECK(spec.suspend);
}

TEST_CASE("what is passed on is written as the API server writes it", "[team]") {
  const TeamSpec spec = spec_of(R"("runtime":{"dedicated":{
    "resources":{"requests":{"cpu":0.0,"memory":"1024Mi","example.com/a":null},"limits":{"cpu":1000,"memory":"1.5Gi"}},
    "nodeSelector":{},"tolerations":[],"topologySpread":null,
    "affinity":{"nodeAffinity":null,"podAffinity":{"requiredDuringSchedulingIgnoredDuringExecution":[
      {"topologyKey":"zone","namespaces":[],"labelSelector":{"matchLabels":{}}}]}}}})");
  REQUIRE(spec.dedicated);
  CHECK(spec.dedicated->resources ==
        nlohmann::json::parse(
            R"({"requests":{"cpu":"0","memory":"1Gi"},"limits":{"cpu":"1k","memory":"1536Mi"}})"));
  CHECK(spec.dedicated->node_selector.is_null());
  CHECK(spec.dedicated->tolerations.is_null());
  CHECK(spec.dedicated->topology_spread.is_null());
  CHECK(spec.dedicated->affinity == nlohmann::json::parse(
                                        R"({"podAffinity":{"requiredDuringSchedulingIgnoredDuringExecution":[
                                          {"topologyKey":"zone","labelSelector":{}}]}})"));
}

TEST_CASE("a bad field is named and reads as its default, the others as they are", "[team]") {
  const auto parsed = parse(with_spec(R"("pipeline":{"schedule":"60 * * * *","timeZone":"UTC","image":7},
    "runtime":{"mode":"dedicated","dedicated":{"replicas":99,"containerPort":9000,"env":[{"name":"A"}],
      "affinity":{"nodeAffinity":{"oops":1}},"priorityClassName":"high"}},
    "suspend":true,"routing":{})"));
  REQUIRE(parsed);
  std::vector<std::string> paths;
  for (const FieldError& error : parsed->errors) paths.push_back(error.path);
  CHECK(paths ==
        std::vector<std::string>{"spec.pipeline.schedule", "spec.pipeline.image", "spec.runtime.mode",
                                 "spec.runtime.dedicated.replicas", "spec.runtime.dedicated.env[0]",
                                 "spec.runtime.dedicated.affinity.nodeAffinity.oops", "spec.routing"});
  const TeamSpec& spec = parsed->team.spec;
  REQUIRE(spec.pipeline);
  CHECK(spec.pipeline->schedule.empty());
  CHECK(spec.pipeline->time_zone == "UTC");
  CHECK(spec.pipeline->image.empty());
  CHECK(spec.mode == RuntimeMode::Shared);
  REQUIRE(spec.dedicated);
  CHECK(spec.dedicated->replicas == 1);
  CHECK(spec.dedicated->container_port == 9000);
  CHECK(spec.dedicated->env.empty());
  CHECK(spec.dedicated->affinity.is_null());
  CHECK(spec.dedicated->priority_class_name == "high");
  CHECK(spec.suspend);
}

TEST_CASE("messages say what is allowed", "[team]") {
  struct Row {
    std::string_view members, described;
  };
  for (const Row row : {
           Row{R"("suspend":1)", "spec.suspend: must be true or false"},
           Row{R"("pipeline":[])", "spec.pipeline: must be an object"},
           Row{R"("runtime":{"mode":"x"})", "spec.runtime.mode: must be one of Shared, Dedicated"},
           Row{R"("pipeline":{"source":"x"})", "spec.pipeline.source: must be Spec"},
           Row{R"("runtime":{"dedicated":{"replicas":1.5}})",
               "spec.runtime.dedicated.replicas: must be a whole number"},
           Row{R"("runtime":{"dedicated":{"replicas":51}})",
               "spec.runtime.dedicated.replicas: must be at most 50"},
           Row{R"("runtime":{"dedicated":{"priorityClassName":""}})",
               "spec.runtime.dedicated.priorityClassName: must not be empty"},
           Row{R"("shedule":"x")", "spec.shedule: is not a known field"},
           Row{R"("pipeline":{"resources":{"limits":{"cpu":"1 core"}}})",
               "spec.pipeline.resources.limits.cpu: must be an amount, such as 2, 500m or 1Gi"},
           Row{R"("runtime":{"dedicated":{"env":[{"name":"A","value":""},{"name":"A","value":""}]}})",
               "spec.runtime.dedicated.env[1]: repeats the name of an earlier item"},
       }) {
    CAPTURE(row.members);
    const auto parsed = parse(with_spec(row.members));
    REQUIRE(parsed);
    CHECK(describe(parsed->errors) == row.described);
  }
  const auto bare =
      parse(R"({"apiVersion":"incidentfox.io/v1alpha1","kind":"TeamProvisioning","metadata":{"name":"a"}})");
  REQUIRE(bare);
  CHECK(describe(bare->errors) == "spec: is required");
  CHECK(describe(std::vector<FieldError>(7, {"a", "b"})) == "a: b; a: b; a: b; a: b; a: b; and 2 more");
}

TEST_CASE("metadata is read", "[team]") {
  const auto parsed =
      parse(R"({"metadata":{"name":"checkout","namespace":"teams","uid":"u1","resourceVersion":"7",
    "generation":3,"finalizers":["other","incidentfox.io/team-operator"],
    "annotations":{"incidentfox.io/requestedAt":"2025-01-01T00:00:00Z"}},
    "spec":{"orgId":"acme","teamNodeId":"checkout"}})",
            false);
  REQUIRE(parsed);
  CHECK(parsed->errors.empty());
  CHECK(parsed->team.meta.key == kube::ObjectKey{"teams", "checkout"});
  CHECK(parsed->team.meta.uid == "u1");
  CHECK(parsed->team.meta.generation == 3);
  CHECK(parsed->team.finalizer_index == 1);
  CHECK(parsed->team.requested_at == "2025-01-01T00:00:00Z");
  CHECK(parse(with_spec(""))->team.finalizer_index == -1);
}

TEST_CASE("a request too long to be echoed in the status is cut", "[team]") {
  const auto parsed =
      parse(R"({"apiVersion":"incidentfox.io/v1alpha1","kind":"TeamProvisioning","metadata":{"name":"a",
    "annotations":{"incidentfox.io/requestedAt":")" +
            std::string(300, 'x') + R"("}},"spec":{"orgId":"a","teamNodeId":"b"}})");
  REQUIRE(parsed);
  CHECK(parsed->team.requested_at == std::string(256, 'x'));
}

TEST_CASE("objects that are no teams are refused", "[team]") {
  CHECK(parse("[]").error().message == "not an object");
  CHECK(parse(R"({"apiVersion":"v1","kind":"Service","metadata":{"name":"a"}})").error().message ==
        "must be a TeamProvisioning of incidentfox.io/v1alpha1; kind is Service, apiVersion is v1");
  CHECK_FALSE(
      parse(R"({"apiVersion":"incidentfox.io/v1beta1","kind":"TeamProvisioning","metadata":{"name":"a"}})"));
  CHECK_FALSE(parse(R"({"metadata":{"name":"a"},"spec":{"orgId":"a","teamNodeId":"b"}})"));
  CHECK(parse(R"({"apiVersion":"incidentfox.io/v1alpha1","kind":"TeamProvisioning"})").error().message ==
        "metadata.name is missing");
  CHECK(parse(R"({"metadata":{"name":"a"},"spec":{}})", false).error().code == ErrorCode::DataLoss);
}

TEST_CASE("a status reads back as it was written", "[team]") {
  TeamStatus status;
  status.observed_generation = 4;
  status.conditions = {{.type = "Ready",
                        .status = kube::ConditionStatus::True,
                        .reason = "Reconciled",
                        .message = "all is in place",
                        .observed_generation = 4,
                        .last_transition_time = "2025-01-01T00:00:00Z"}};
  status.service_url = "http://agent-dedicated-a-b.teams.svc.cluster.local:8080";
  status.last_handled_reconcile_at = "2025-01-01T00:00:00Z";
  status.inventory = {{"apps/v1", "Deployment", "agent", "u1"}, {"v1", "Service", "agent", "u2"}};
  const nlohmann::json written = status_to_json(status);
  CHECK(written.at("inventory").at(0) ==
        nlohmann::json::parse(
            R"({"group":"apps","version":"v1","kind":"Deployment","name":"agent","uid":"u1"})"));
  CHECK(written.at("inventory").at(1) ==
        nlohmann::json::parse(R"({"version":"v1","kind":"Service","name":"agent","uid":"u2"})"));

  nlohmann::json object = nlohmann::json::parse(with_spec(""));
  object["status"] = written;
  const auto parsed = parse(object.dump());
  REQUIRE(parsed);
  CHECK(parsed->team.status == status);
}

TEST_CASE("an empty status has no empty parts", "[team]") {
  CHECK(status_to_json(TeamStatus{}) ==
        nlohmann::json::parse(R"({"observedGeneration":-1,"conditions":[]})"));
  CHECK(parse(with_spec(""))->team.status == TeamStatus{});
}

TEST_CASE("teams compare by content", "[team]") {
  const std::string text = with_spec(R"("runtime":{"dedicated":{"replicas":2}})");
  CHECK(parse(text)->team == parse(text)->team);
  CHECK_FALSE(parse(text)->team.spec == spec_of(R"("runtime":{"dedicated":{"replicas":3}})"));
  CHECK_FALSE(parse(text)->team.spec == spec_of(""));
}

// A cache holds ten thousand teams.
TEST_CASE("a parsed team has no slack", "[team]") {
  const std::string schedule = "0,5,10,15,20,25,30 2 * * *";
  const TeamSpec spec =
      spec_of(R"("pipeline":{"schedule":")" + schedule + R"("},"runtime":{"dedicated":{"env":[
    {"name":"A","value":"1"},{"name":"B","value":"2"},{"name":"C","value":"3"}]}})");
  CHECK(spec.pipeline->schedule.capacity() == schedule.size());
  CHECK(spec.dedicated->env.capacity() == 3);
  CHECK(spec.pipeline->resources.is_null());
}

}  // namespace
}  // namespace tp::domain
