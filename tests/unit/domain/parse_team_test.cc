#include "domain/parse_team.h"

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/time.h"
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

TEST_CASE("autoscaling is read", "[team]") {
  const auto read = [](const std::string& autoscaling) {
    return spec_of(R"("runtime":{"dedicated":{"autoscaling":)" + autoscaling + "}}").dedicated->autoscaling;
  };
  CHECK(read(R"({"maxReplicas":4})") == Autoscaling{.min_replicas = 1, .max_replicas = 4});
  CHECK(read(R"({"minReplicas":2,"maxReplicas":4,"targetCPUUtilizationPercentage":70,
                 "targetMemoryUtilizationPercentage":90})") ==
        Autoscaling{.min_replicas = 2, .max_replicas = 4, .cpu_percent = 70, .memory_percent = 90});
  CHECK_FALSE(spec_of(R"("runtime":{"dedicated":{"replicas":2}})").dedicated->autoscaling);
}

TEST_CASE("every field of the platform is read", "[team]") {
  const TeamSpec spec = spec_of(R"(
    "displayName":"Checkout Squad","parentNodeId":"payments",
    "routing":{"slackChannelIds":["C1","C2"],"githubRepositories":["acme/shop"],"pagerdutyServiceIds":[],
      "incidentioTeamIds":["i1"],"incidentioAlertSourceIds":["a1"],"coralogixTeamNames":["acme: shop"]},
    "config":{"agent":{"model":"m","max_turns":7},"ai_pipeline":null,"tools":{"kubectl":null,"list":[1,null]}},
    "auth":{"mode":"Token"},"token":{"secretName":"checkout-token","rotationInterval":"720h","gracePeriod":"0s"},
    "pipeline":{"source":"ConfigService","bootstrap":"Never"},
    "governance":{"writeTools":"Approved","approvedBy":"ada@acme.example",
      "auditSink":{"url":"https://audit.acme.example/events","secretName":"audit"},
      "dataLocality":{"regions":["eu-west-1"],"egressCIDRs":["203.0.113.0/24"]}},
    "knowledgeBase":{"seed":"Sources","sources":["https://github.com/acme/runbooks"]},
    "deletionPolicy":{"config":"Clear"},"driftInterval":"1h30m")");
  REQUIRE(spec.platform);
  CHECK(*spec.platform ==
        PlatformSpec{
            .display_name = "Checkout Squad",
            .parent_node_id = "payments",
            .routing = {std::vector<std::string>{"C1", "C2"}, std::vector<std::string>{"acme/shop"},
                        std::vector<std::string>{}, std::vector<std::string>{"i1"},
                        std::vector<std::string>{"a1"}, std::vector<std::string>{"acme: shop"}, std::nullopt},
            .config = nlohmann::json::parse(
                R"({"agent":{"model":"m","max_turns":7},"tools":{"kubectl":null,"list":[1,null]}})"),
            .token = {.secret_name = "checkout-token",
                      .rotation_interval = std::chrono::hours{720},
                      .grace_period = std::chrono::seconds{0}},
            .governance = Governance{.write_tools = WriteTools::Approved,
                                     .approved_by = "ada@acme.example",
                                     .audit_sink_url = "https://audit.acme.example/events",
                                     .audit_sink_secret = "audit",
                                     .regions = {"eu-west-1"},
                                     .egress_cidrs = {"203.0.113.0/24"}},
            .knowledge_base = KnowledgeBase{.seed = KnowledgeSeed::Sources,
                                            .sources = {"https://github.com/acme/runbooks"}},
            .deletion = ConfigPolicy::Clear,
            .drift_interval = std::chrono::minutes{90}});
  REQUIRE(spec.pipeline);
  CHECK(*spec.pipeline ==
        Pipeline{.source = ScheduleSource::ConfigService, .bootstrap = BootstrapPolicy::Never});
  CHECK(spec_of(R"("auth":{"mode":"OIDC"})").platform->auth == AuthMode::Oidc);
  CHECK(spec_of(R"("deletionPolicy":{"config":"Retain"})").platform->deletion == ConfigPolicy::Retain);
}

TEST_CASE("a team that asks nothing of the platform has no part for it", "[team]") {
  CHECK(spec_of("").platform == nullptr);
  CHECK(spec_of(R"("routing":{},"config":{},"auth":{"mode":"Token"},"token":{"gracePeriod":"24h"},
                   "deletionPolicy":{"children":"Orphan","config":"Withdraw"}, "pipeline":{"schedule":"@daily"})")
            .platform == nullptr);
  CHECK(spec_of(R"("governance":{})").platform->governance == Governance{});
  CHECK(spec_of(R"("knowledgeBase":{})").platform->knowledge_base == KnowledgeBase{});
  CHECK(spec_of(R"("routing":{"services":[]})").platform->routing.back() == std::vector<std::string>{});
}

TEST_CASE("a config that is out of bounds is named, and reads as absent", "[team]") {
  const auto parsed = parse(with_spec(R"("displayName":"Checkout","config":{"a.b":1})"));
  REQUIRE(parsed);
  CHECK(describe(parsed->errors) ==
        "spec.config: keys must have 1 to 128 characters, none of them '.' or a control character");
  REQUIRE(parsed->team.spec.platform);
  CHECK(parsed->team.spec.platform->config.is_null());
  CHECK(parsed->team.spec.platform->display_name == "Checkout");
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
    "suspend":true,"rooting":{})"));
  REQUIRE(parsed);
  std::vector<std::string> paths;
  for (const FieldError& error : parsed->errors) paths.push_back(error.path);
  CHECK(paths ==
        std::vector<std::string>{"spec.pipeline.schedule", "spec.pipeline.image", "spec.runtime.mode",
                                 "spec.runtime.dedicated.replicas", "spec.runtime.dedicated.env[0]",
                                 "spec.runtime.dedicated.affinity.nodeAffinity.oops", "spec.rooting"});
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
           Row{R"("pipeline":{"source":"x"})", "spec.pipeline.source: must be one of Spec, ConfigService"},
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
    "deletionTimestamp":"2025-01-01T00:00:09Z",
    "annotations":{"incidentfox.io/requestedAt":"2025-01-01T00:00:00Z","incidentfox.io/rotate-token":"r",
      "incidentfox.io/bootstrap":"b","incidentfox.io/paused":"true","incidentfox.io/provisioning-run":"p"}},
    "spec":{"orgId":"acme","teamNodeId":"checkout"}})",
            false);
  REQUIRE(parsed);
  CHECK(parsed->errors.empty());
  CHECK(parsed->team.meta.key == kube::ObjectKey{"teams", "checkout"});
  CHECK(parsed->team.meta.uid == "u1");
  CHECK(parsed->team.meta.generation == 3);
  CHECK(parsed->team.finalizer_index == 1);
  CHECK(parsed->team.requested_at == "2025-01-01T00:00:00Z");
  CHECK(parsed->team.rotate_token == "r");
  CHECK(parsed->team.bootstrap == "b");
  CHECK(parsed->team.paused);
  CHECK(parsed->team.provisioning_run == "p");
  CHECK(parsed->team.meta.deleting);
  CHECK(parsed->team.deleted == parse_rfc3339("2025-01-01T00:00:09Z"));
  CHECK(parse(with_spec(""))->team.deleted == WallTime{});
  CHECK_FALSE(parse(with_spec(""))->team.paused);
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
