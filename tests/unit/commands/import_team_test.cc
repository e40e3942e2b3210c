#include "provisioner/commands/import_team.h"

#include <algorithm>
#include <string>
#include <vector>

#include "domain/naming.h"
#include "provisioner/commands/differences.h"
#include "support/catch.h"

namespace tp::provisioner::test {
namespace {

using Json = nlohmann::json;

// What the former service made, as the API server has it: reduced to what is looked at.
Json meta(const std::string& name, const std::string& app, const std::string& org, const std::string& node) {
  static int uids = 0;
  return {{"namespace", "incidentfox"},
          {"name", name},
          {"uid", "uid-" + std::to_string(++uids)},
          {"resourceVersion", "7"},
          {"labels",
           {{"app.kubernetes.io/name", app},
            {"app.kubernetes.io/managed-by", "incidentfox-orchestrator"},
            {"incidentfox.io/org-id", domain::legacy_label_value(org)},
            {"incidentfox.io/team-node-id", domain::legacy_label_value(node)}}}};
}

Json env(std::initializer_list<std::pair<const char*, std::string>> values) {
  Json list = Json::array();
  for (const auto& [name, value] : values) list.push_back({{"name", name}, {"value", value}});
  return list;
}

Json resources(const char* cpu, const char* memory, const char* cpu_limit, const char* memory_limit) {
  return {{"requests", {{"cpu", cpu}, {"memory", memory}}},
          {"limits", {{"cpu", cpu_limit}, {"memory", memory_limit}}}};
}

constexpr const char* kUrl = "http://config-service:8080";

Json cron_job(Json metadata, const std::string& schedule, Json container) {
  return {
      {"metadata", std::move(metadata)},
      {"spec",
       {{"schedule", schedule},
        {"suspend", false},
        {"jobTemplate",
         {{"spec", {{"template", {{"spec", {{"containers", Json::array({std::move(container)})}}}}}}}}}}}};
}

LiveObject pipeline(const std::string& org,
                    const std::string& node,
                    const std::string& schedule = "0 2 * * *") {
  const std::string name = domain::legacy_names_for(org, node).pipeline;
  return {kube::kCronJobs,
          cron_job(meta(name, "ai-pipeline", org, node), schedule,
                   {{"name", "ai-pipeline"},
                    {"image", "incidentfox/ai-pipeline:latest"},
                    {"env", env({{"ORG_ID", org}, {"TEAM_NODE_ID", node}, {"CONFIG_SERVICE_URL", kUrl}})},
                    {"resources", resources("500m", "1Gi", "2", "4Gi")}})};
}

LiveObject discovery(const std::string& org, const std::string& node) {
  const std::string name = domain::legacy_names_for(org, node).discovery;
  return {kube::kCronJobs,
          cron_job(meta(name, "dependency-discovery", org, node), "0 3 * * *",
                   {{"name", "dependency-discovery"},
                    {"image", "incidentfox/dependency-service:latest"},
                    {"env", env({{"ORG_ID", org}, {"TEAM_ID", node}, {"CONFIG_SERVICE_URL", kUrl}})},
                    {"resources", resources("250m", "512Mi", "1", "2Gi")}})};
}

LiveObject deployment(const std::string& org, const std::string& node) {
  const std::string name = domain::legacy_names_for(org, node).agent;
  Json container{{"name", "agent"},
                 {"image", "incidentfox/agent:latest"},
                 {"ports", Json::array({{{"name", "http"}, {"containerPort", 8000}}})},
                 {"env", env({{"ORG_ID", org},
                              {"TEAM_NODE_ID", node},
                              {"CONFIG_SERVICE_URL", kUrl},
                              {"DEPLOYMENT_MODE", "dedicated"}})},
                 {"resources", resources("500m", "1Gi", "2", "4Gi")}};
  return {
      kube::kDeployments,
      {{"metadata", meta(name, "incidentfox-agent", org, node)},
       {"spec",
        {{"replicas", 1}, {"template", {{"spec", {{"containers", Json::array({std::move(container)})}}}}}}}}};
}

LiveObject service(const std::string& org, const std::string& node) {
  const std::string name = domain::legacy_names_for(org, node).agent;
  return {kube::kServices,
          {{"metadata", meta(name, "incidentfox-agent", org, node)},
           {"spec", {{"ports", Json::array({{{"name", "http"}, {"port", 8000}}})}}}}};
}

std::vector<LiveObject> everything(const std::string& org, const std::string& node) {
  return {pipeline(org, node), discovery(org, node), deployment(org, node), service(org, node)};
}

Json& pod_of(LiveObject& live) {
  return live.type == kube::kDeployments ? live.object["spec"]["template"]["spec"]
                                         : live.object["spec"]["jobTemplate"]["spec"]["template"]["spec"];
}

FormerTeam the_team(const std::vector<LiveObject>& objects) {
  FormerTeams found = teams_of(objects);
  REQUIRE(found.teams.size() == 1);
  CHECK(found.findings.empty());
  return found.teams.begin()->second;
}

struct Asked {
  const ServiceTeam* service = nullptr;
  ContestedRouting contested{};
  ImportRules rules{.ns = "incidentfox"};
  BuildContext build{};
};

ImportedTeam imported(const std::vector<LiveObject>& objects, const Asked& asked = {}) {
  FormerTeam team{.org = "acme", .node = "payments"};
  if (!objects.empty()) team = the_team(objects);
  return import_team(team, asked.service, asked.contested, asked.rules, asked.build);
}

Json spec_of(const std::vector<LiveObject>& objects, const Asked& asked = {}) {
  const ImportedTeam team = imported(objects, asked);
  INFO(Json(team.resource).dump());
  for (const Finding& finding : team.findings) INFO(finding.message);
  REQUIRE_FALSE(team.resource.is_null());
  return team.resource["spec"];
}

bool says(const std::vector<Finding>& findings, Severity severity, const std::string& part) {
  return std::any_of(findings.begin(), findings.end(), [&](const Finding& finding) {
    return finding.severity == severity && finding.message.find(part) != std::string::npos;
  });
}

const Json kKeepsAll{{"children", "Orphan"}, {"config", "Retain"}};

TEST_CASE("import: a team as the former service made it asks for nothing but its schedules and an agent",
          "[import]") {
  const ImportedTeam team = imported(everything("acme", "payments"));
  CHECK(team.resource ==
        Json{{"apiVersion", "incidentfox.io/v1alpha1"},
             {"kind", "TeamProvisioning"},
             {"metadata", {{"name", "team-acme-payments"}, {"namespace", "incidentfox"}}},
             {"spec",
              {{"orgId", "acme"},
               {"teamNodeId", "payments"},
               {"pipeline", {{"source", "Spec"}, {"schedule", "0 2 * * *"}, {"bootstrap", "Never"}}},
               {"dependencyDiscovery", {{"schedule", "0 3 * * *"}}},
               {"runtime", {{"mode", "Dedicated"}}},
               {"deletionPolicy", kKeepsAll}}}});
  CHECK(team.findings.empty());
}

TEST_CASE("import: raw ids, whatever the labels had to become", "[import]") {
  const Json spec = spec_of(everything("Acme_Corp", "Payments.EU"));
  CHECK(spec["orgId"] == "Acme_Corp");
  CHECK(spec["teamNodeId"] == "Payments.EU");
}

TEST_CASE("import: each object goes to the team that its containers name", "[import]") {
  // The same labels to the former service; and a longer id that begins alike.
  std::vector<LiveObject> objects = everything("acme_corp", "payments");
  objects.push_back(pipeline("umbra", std::string(30, 'a') + "-longer"));
  const FormerTeams found = teams_of(objects);
  REQUIRE(found.teams.size() == 2);
  const FormerTeam& first = found.teams.at({"acme_corp", "payments"});
  for (const Slot slot :
       {Slot::PipelineCronJob, Slot::DiscoveryCronJob, Slot::AgentDeployment, Slot::AgentService})
    CHECK_FALSE(first.at(slot).is_null());
  CHECK(found.findings.empty());
  CHECK(taken_names({"acme.corp", "payments"}, found).size() == 3);
  CHECK(taken_names({"umbra", std::string(30, 'a')}, found).size() == 1);
  CHECK(taken_names({"acme_corp", "payments"}, found).empty());
}

TEST_CASE("import: what tells nobody whose it is, is nobody's", "[import]") {
  const FormerTeams alone = teams_of({service("acme", "payments")});
  CHECK(alone.teams.empty());
  CHECK(says(alone.findings, Severity::Warning, "does not tell whose it is"));
  LiveObject no_ids = pipeline("acme", "payments");
  pod_of(no_ids)["containers"][0]["env"] = Json::array();
  CHECK(says(teams_of({no_ids}).findings, Severity::Warning, "does not tell whose it is"));
  LiveObject other_kind = pipeline("acme", "payments");
  other_kind.object["metadata"]["labels"]["app.kubernetes.io/name"] = "something";
  CHECK(says(teams_of({other_kind}).findings, Severity::Warning, "of no kind that a team has"));
  LiveObject strangers = pipeline("acme", "payments");
  strangers.object["metadata"]["labels"]["app.kubernetes.io/managed-by"] = "Helm";
  CHECK(teams_of({strangers}).teams.empty());
}

TEST_CASE("import: objects that a deleted resource let go are found by their annotations", "[import]") {
  LiveObject released = pipeline("acme", "Payments");
  Json& metadata = released.object["metadata"];
  metadata["labels"]["app.kubernetes.io/managed-by"] = "team-operator";
  metadata["labels"]["incidentfox.io/team-node-id"] = domain::label_value("Payments");
  metadata["annotations"] = {{"incidentfox.io/org-id", "acme"}, {"incidentfox.io/team-node-id", "Payments"}};
  CHECK(teams_of({released}).teams.contains({"acme", "Payments"}));
  // What a resource has is not looked at.
  metadata["ownerReferences"] = Json::array({{{"apiVersion", "incidentfox.io/v1alpha1"},
                                              {"kind", "TeamProvisioning"},
                                              {"name", "x"},
                                              {"uid", "u"},
                                              {"controller", true}}});
  CHECK(teams_of({released}).teams.empty());
}

TEST_CASE("import: what is not as the operator would make it is kept", "[import]") {
  LiveObject cron = pipeline("acme", "payments");
  cron.object["spec"]["timeZone"] = "Europe/Zurich";
  cron.object["spec"]["suspend"] = true;
  pod_of(cron)["containers"][0]["image"] = "incidentfox/ai-pipeline:v7";
  LiveObject agent = deployment("acme", "payments");
  agent.object["spec"]["replicas"] = 3;
  pod_of(agent)["nodeSelector"] = {{"disktype", "ssd"}};
  pod_of(agent)["priorityClassName"] = "high";
  Json& container = pod_of(agent)["containers"][0];
  container["image"] = "registry.acme.io/agent:1";
  container["resources"] = resources("1", "2Gi", "4", "8Gi");
  container["ports"][0]["containerPort"] = 9000;
  container["env"].push_back({{"name", "LOG_LEVEL"}, {"value", "debug"}});
  container["env"].push_back(
      {{"name", "KEY"}, {"valueFrom", {{"secretKeyRef", {{"name", "team-keys"}, {"key", "k"}}}}}});
  Asked asked;
  asked.build.agent_secrets = {"team-keys"};
  const Json spec = spec_of({cron, agent}, asked);
  CHECK(spec["pipeline"]["timeZone"] == "Europe/Zurich");
  CHECK(spec["pipeline"]["suspend"] == true);
  CHECK(spec["pipeline"]["image"] == "incidentfox/ai-pipeline:v7");
  CHECK_FALSE(spec["pipeline"].contains("resources"));
  CHECK(spec["runtime"]["dedicated"] ==
        Json{{"replicas", 3},
             {"nodeSelector", {{"disktype", "ssd"}}},
             {"priorityClassName", "high"},
             {"image", "registry.acme.io/agent:1"},
             {"resources", resources("1", "2Gi", "4", "8Gi")},
             {"containerPort", 9000},
             {"env",
              Json::array({{{"name", "LOG_LEVEL"}, {"value", "debug"}},
                           {{"name", "KEY"},
                            {"valueFrom", {{"secretKeyRef", {{"name", "team-keys"}, {"key", "k"}}}}}}})}});
  // With these as the operator's own, nothing is left to say.
  asked.build.agent_image = "registry.acme.io/agent:1";
  asked.build.pipeline_image = "incidentfox/ai-pipeline:v7";
  const Json less = spec_of({cron, agent}, asked);
  CHECK_FALSE(less["pipeline"].contains("image"));
  CHECK_FALSE(less["runtime"]["dedicated"].contains("image"));
}

TEST_CASE("import: what cannot be, is a problem and nothing is written", "[import]") {
  const auto refused = [](const ImportedTeam& team, const std::string& why) {
    INFO(why);
    CHECK(team.resource.is_null());
    CHECK(says(team.findings, Severity::Problem, why));
  };
  refused(imported({pipeline(std::string(65, 'o'), "payments")}), "spec.orgId");
  refused(imported({pipeline("acme", "pay ments")}), "spec.teamNodeId");
  LiveObject off = deployment("acme", "payments");
  off.object["spec"]["replicas"] = 0;
  refused(imported({off}), "scaled to 0");
  LiveObject elsewhere = discovery("acme", "payments");
  elsewhere.object["metadata"]["namespace"] = "other";
  refused(imported({pipeline("acme", "payments"), elsewhere}), "several namespaces (incidentfox, other)");
  LiveObject secret = deployment("acme", "payments");
  pod_of(secret)["containers"][0]["env"].push_back(
      {{"name", "KEY"}, {"valueFrom", {{"secretKeyRef", {{"name", "not-listed"}, {"key", "k"}}}}}});
  refused(imported({secret}), "--agent-secrets");
  LiveObject going = pipeline("acme", "payments");
  going.object["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z";
  refused(imported({going}), "is being deleted");
}

TEST_CASE("import: what no field can say is a warning", "[import]") {
  LiveObject agent = deployment("acme", "payments");
  pod_of(agent)["containers"][0]["env"].push_back(
      {{"name", "NODE"}, {"valueFrom", {{"fieldRef", {{"fieldPath", "spec.nodeName"}}}}}});
  LiveObject suspended = discovery("acme", "payments");
  suspended.object["spec"]["suspend"] = true;
  Asked asked;
  asked.build.config_service_url = "http://elsewhere";
  agent.object["status"]["availableReplicas"] = 1;
  const ImportedTeam team = imported({agent, suspended}, asked);
  CHECK(says(team.findings, Severity::Warning, "answer on port 8000"));
  CHECK(says(team.findings, Severity::Warning, "variable NODE"));
  CHECK(says(team.findings, Severity::Warning, "discovery is suspended"));
  CHECK(says(team.findings, Severity::Warning, "--config-service-url"));
  CHECK(team.resource["spec"]["dependencyDiscovery"]["enabled"] == false);
}

TEST_CASE("import: an autoscaler becomes bounds", "[import]") {
  FormerTeam team = the_team({deployment("acme", "payments")});
  team.autoscaler = Json::parse(R"({"metadata": {"namespace": "incidentfox", "name": "mine"},
    "spec": {"minReplicas": 2, "maxReplicas": 6, "metrics": [
      {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 70}}},
      {"type": "External", "external": {}}]}})");
  const ImportedTeam made = import_team(team, nullptr, {}, {.ns = "incidentfox"}, {});
  CHECK(made.resource["spec"]["runtime"]["dedicated"]["autoscaling"] ==
        Json{{"minReplicas", 2}, {"maxReplicas", 6}, {"targetCPUUtilizationPercentage", 70}});
  CHECK(says(made.findings, Severity::Warning, "HorizontalPodAutoscaler incidentfox/mine scales"));
  CHECK(says(made.findings, Severity::Warning, "has a metric"));
}

ServiceTeam in_service(const char* config, const char* effective = "{}") {
  return {.name = "Payments",
          .parent = "acme",
          .config = Json::parse(config),
          .effective = Json::parse(effective),
          .live_tokens = 1};
}

TEST_CASE("import: schedules stay where they are decided today", "[import]") {
  const auto with = [](const std::vector<LiveObject>& objects, const char* effective) {
    const ServiceTeam service = in_service("{}", effective);
    return imported(objects, {.service = &service});
  };
  const char* const off = R"({"ai_pipeline": {"enabled": false}})";
  const char* const same = R"({"ai_pipeline": {"enabled": true, "schedule": "0 2 * * *"}})";
  CHECK(with({}, off).resource["spec"]["pipeline"] ==
        Json{{"source", "ConfigService"}, {"bootstrap", "Never"}});
  CHECK(with({pipeline("acme", "payments")}, same).resource["spec"]["pipeline"] ==
        Json{{"source", "ConfigService"}, {"bootstrap", "Never"}});
  // The former service's provisioning wrote a CronJob and not the configuration.
  const ImportedTeam differs = with({pipeline("acme", "payments")}, off);
  CHECK(differs.resource["spec"]["pipeline"] ==
        Json{{"source", "Spec"}, {"schedule", "0 2 * * *"}, {"bootstrap", "Never"}});
  CHECK(says(differs.findings, Severity::Note, "its schedules are not in its configuration"));
  const ImportedTeam other =
      with({pipeline("acme", "payments")}, R"({"ai_pipeline": {"enabled": true, "schedule": "9 9 * * *"}})");
  CHECK(other.resource["spec"]["pipeline"]["schedule"] == "0 2 * * *");
  CHECK(says(other.findings, Severity::Warning, "asks for other schedules"));
  const ImportedTeam invalid =
      with({pipeline("acme", "payments")}, R"({"ai_pipeline": {"enabled": true, "schedule": "at noon"}})");
  CHECK(invalid.resource["spec"]["pipeline"]["source"] == "Spec");
  CHECK(says(invalid.findings, Severity::Warning, "no cron expression"));
}

TEST_CASE("import: the image of a pipeline whose schedule the Config Service has", "[import]") {
  LiveObject cron = pipeline("acme", "payments");
  pod_of(cron)["containers"][0]["image"] = "incidentfox/ai-pipeline:v7";
  LiveObject discovers = discovery("acme", "payments");
  pod_of(discovers)["containers"][0]["image"] = "incidentfox/dependency-service:v7";
  const ServiceTeam service = in_service("{}", R"({"ai_pipeline": {"enabled": true, "schedule": "0 2 * * *"},
                                                   "dependency_discovery": {"enabled": true, "schedule": "0 3 * * *"}})");
  const Json spec = spec_of({cron, discovers}, {.service = &service});
  CHECK(spec["pipeline"] ==
        Json{{"source", "ConfigService"}, {"bootstrap", "Never"}, {"image", "incidentfox/ai-pipeline:v7"}});
  CHECK(spec["dependencyDiscovery"] == Json{{"image", "incidentfox/dependency-service:v7"}});
}

TEST_CASE("import: routing is left alone, or owned as it is", "[import]") {
  ServiceTeam service =
      in_service(R"({"routing": {"slack_channel_ids": ["C1", "C1", "C2"], "github_repos": ["no repository"],
                                                   "services": [], "team_id": "payments"}})");
  CHECK_FALSE(spec_of({}, {.service = &service}).contains("routing"));

  Asked own{.service = &service};
  own.rules.own_routing = true;
  const ImportedTeam owned = imported({}, own);
  CHECK(owned.resource["spec"]["routing"] ==
        Json{{"slackChannelIds", {"C1", "C2"}}, {"services", Json::array()}});
  CHECK(says(owned.findings, Severity::Warning, "routing.github_repos stays the Config Service's"));

  own.contested = {{{0, "C2"}, "acme/other"}};
  const ImportedTeam contested = imported({}, own);
  CHECK(contested.resource["spec"]["routing"] == Json{{"services", Json::array()}});
  CHECK(says(contested.findings, Severity::Warning,
             "slack_channel_ids C2 is in the routing of acme/other as well"));

  for (const char* broken :
       {R"({"routing": []})", R"({"routing": {"services": "x"}})", R"({"routing": {"services": [7]}})"}) {
    service.config = Json::parse(broken);
    INFO(broken);
    CHECK(says(imported({}, own).findings, Severity::Warning, "makes every lookup fail"));
  }
}

TEST_CASE("import: an identifier of two teams is found for both", "[import]") {
  std::map<TeamIds, ServiceTeam> teams;
  teams[{"acme", "a"}] =
      in_service(R"({"routing": {"slack_channel_ids": ["C1", "C2", "C2"], "services": ["s"]}})");
  teams[{"acme", "b"}] = in_service(R"({"routing": {"slack_channel_ids": ["C2"], "github_repos": ["s"]}})");
  teams[{"other", "a"}] = in_service(R"({"routing": {"slack_channel_ids": ["C2"]}})");
  teams[{"other", "odd"}] = in_service(R"({"routing": {"slack_channel_ids": 7}})");
  const auto contested = contested_routing(teams);
  CHECK(contested.size() == 3);
  CHECK(contested.at({"acme", "a"}) == ContestedRouting{{{0, "C2"}, "acme/b, other/a"}});
  CHECK(contested.at({"other", "a"}) == ContestedRouting{{{0, "C2"}, "acme/a, acme/b"}});
}

TEST_CASE("import: node, tokens and the agent's URL", "[import]") {
  ServiceTeam service = in_service("{}");
  service.parent = "division";
  const Json spec = spec_of({}, {.service = &service});
  CHECK(spec["displayName"] == "Payments");
  CHECK(spec["parentNodeId"] == "division");
  CHECK_FALSE(spec.contains("auth"));

  service.live_tokens = 0;
  CHECK(spec_of({}, {.service = &service})["auth"] == Json{{"mode", "OIDC"}});

  ServiceTeam none{.has_node = false};
  const ImportedTeam unknown = imported({}, {.service = &none});
  CHECK(says(unknown.findings, Severity::Warning, "has no node"));
  CHECK_FALSE(unknown.resource["spec"].contains("auth"));

  service = in_service(R"({"agent": {"dedicated_service_url": "http://agents.acme.io"}})");
  CHECK(says(imported({}, {.service = &service}).findings, Severity::Warning, "no agent of its own"));
  CHECK(says(imported({deployment("acme", "payments")}, {.service = &service}).findings, Severity::Warning,
             "they will go to its own"));
  service = in_service(R"({"agent": {"dedicated_service_url":
                           "http://agent-dedicated-acme-payments.incidentfox.svc.cluster.local:8000"}})");
  CHECK(imported({deployment("acme", "payments")}, {.service = &service}).findings.empty());
}

TEST_CASE("import: a removal is a loss, a change is none", "[import]") {
  CHECK(lost_parts({{"spec.a", 1, 2}, {"spec.b", 1, std::nullopt}, {"spec.c", std::nullopt, 1}}) ==
        std::vector<std::string>{"spec.b"});
}

}  // namespace
}  // namespace tp::provisioner::test
