#include <memory>
#include <string>
#include <utility>

#include <nlohmann/json.hpp>

#include "provisioner/desired/agent.h"
#include "provisioner/desired/desired_state.h"
#include "support/catch.h"
#include "support/teams.h"

namespace tp::provisioner {
namespace {

using Json = nlohmann::json;
using test::a_team;
using test::dedicated;
using test::scheduled;

const BuildContext kBuild{.gateway_peer = {{"podSelector", {{"matchLabels", {{"app", "gateway"}}}}}},
                          .config_service_peer = {{"podSelector", {{"matchLabels", {{"app", "config"}}}}}}};

Json object_of(const Team& team, Slot slot, const BuildContext& build = kBuild) {
  for (DesiredChild& child : desired_state(team, build, default_layout(team)).children) {
    if (child.slot == slot) return std::move(child.object);
  }
  return nullptr;
}

// Compared as text, so that a failure shows a readable difference.
void check_equal(const Json& actual, std::string_view expected) {
  CHECK(actual.dump(1) == Json::parse(expected).dump(1));
}

TEST_CASE("desired: the AI pipeline's CronJob, whole", "[desired]") {
  check_equal(object_of(scheduled(a_team("extend", "platform-sre")), Slot::PipelineCronJob), R"({
    "apiVersion": "batch/v1", "kind": "CronJob",
    "metadata": {
      "name": "ai-pipeline-extend-platform-sre", "namespace": "incidentfox",
      "labels": {"app.kubernetes.io/name": "ai-pipeline", "app.kubernetes.io/component": "scheduled-ingestion",
        "app.kubernetes.io/managed-by": "team-operator", "incidentfox.io/org-id": "extend", "incidentfox.io/team-node-id": "platform-sre"},
      "annotations": {"incidentfox.io/org-id": "extend", "incidentfox.io/team-node-id": "platform-sre"},
      "ownerReferences": [{"apiVersion": "incidentfox.io/v1alpha1", "kind": "TeamProvisioning", "name": "platform-sre",
        "uid": "uid-extend-platform-sre", "controller": true}]},
    "spec": {
      "schedule": "0 2 * * *", "timeZone": "Etc/UTC", "suspend": false, "concurrencyPolicy": "Forbid",
      "startingDeadlineSeconds": 3600, "successfulJobsHistoryLimit": 3, "failedJobsHistoryLimit": 3,
      "jobTemplate": {
        "metadata": {"labels": {"app.kubernetes.io/name": "ai-pipeline", "app.kubernetes.io/component": "scheduled-ingestion",
          "app.kubernetes.io/managed-by": "team-operator", "incidentfox.io/org-id": "extend", "incidentfox.io/team-node-id": "platform-sre"}},
        "spec": {"backoffLimit": 2, "ttlSecondsAfterFinished": 86400, "template": {
          "metadata": {"labels": {"app.kubernetes.io/name": "ai-pipeline", "app.kubernetes.io/component": "scheduled-ingestion",
            "app.kubernetes.io/managed-by": "team-operator", "incidentfox.io/org-id": "extend", "incidentfox.io/team-node-id": "platform-sre"}},
          "spec": {
            "restartPolicy": "Never", "serviceAccountName": "ai-pipeline", "automountServiceAccountToken": false,
            "securityContext": {"runAsNonRoot": true, "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [{
              "name": "ai-pipeline", "image": "incidentfox/ai-pipeline:latest", "imagePullPolicy": "Always",
              "command": ["python", "-m", "ai_learning_pipeline", "run-scheduled"],
              "args": ["--team-id", "platform-sre", "--org-id", "extend"],
              "env": [{"name": "ORG_ID", "value": "extend"}, {"name": "TEAM_NODE_ID", "value": "platform-sre"},
                {"name": "CONFIG_SERVICE_URL", "value": "http://config-service:8080"}],
              "resources": {"requests": {"cpu": "500m", "memory": "1Gi"}, "limits": {"cpu": "2", "memory": "4Gi"}},
              "securityContext": {"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}}}]}}}}}})");
}

TEST_CASE("desired: the dedicated agent's pod, whole", "[desired]") {
  const Json deployment = object_of(dedicated(a_team("extend", "platform-sre")), Slot::AgentDeployment);
  Json spec = deployment.at("spec");
  check_equal(spec.at("selector"), R"({"matchLabels": {"app.kubernetes.io/name": "incidentfox-agent",
    "incidentfox.io/org-id": "extend", "incidentfox.io/team-node-id": "platform-sre"}})");
  check_equal(spec.at("strategy"),
              R"({"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}})");
  CHECK(spec.at("replicas") == 1);
  check_equal(spec.at("template"), R"({
    "metadata": {"labels": {"app.kubernetes.io/name": "incidentfox-agent", "app.kubernetes.io/component": "dedicated-agent",
      "app.kubernetes.io/managed-by": "team-operator", "incidentfox.io/org-id": "extend",
      "incidentfox.io/team-node-id": "platform-sre", "incidentfox.io/deployment-mode": "dedicated"}},
    "spec": {
      "serviceAccountName": "incidentfox-agent", "automountServiceAccountToken": false, "terminationGracePeriodSeconds": 630,
      "securityContext": {"runAsNonRoot": true, "seccompProfile": {"type": "RuntimeDefault"}},
      "containers": [{
        "name": "agent", "image": "incidentfox/agent:latest", "imagePullPolicy": "Always",
        "ports": [{"name": "http", "containerPort": 8080, "protocol": "TCP"}, {"name": "health", "containerPort": 8081, "protocol": "TCP"}],
        "env": [{"name": "ORG_ID", "value": "extend"}, {"name": "TEAM_NODE_ID", "value": "platform-sre"},
          {"name": "CONFIG_SERVICE_URL", "value": "http://config-service:8080"},
          {"name": "CONFIG_BASE_URL", "value": "http://config-service:8080"},
          {"name": "USE_CONFIG_SERVICE", "value": "true"}, {"name": "DEPLOYMENT_MODE", "value": "dedicated"}],
        "envFrom": [{"secretRef": {"name": "incidentfox-agent", "optional": true}}],
        "resources": {"requests": {"cpu": "500m", "memory": "1Gi"}, "limits": {"cpu": "2", "memory": "4Gi"}},
        "readinessProbe": {"httpGet": {"path": "/health", "port": 8081}, "initialDelaySeconds": 10, "periodSeconds": 10},
        "livenessProbe": {"httpGet": {"path": "/health", "port": 8081}, "initialDelaySeconds": 30, "periodSeconds": 30},
        "lifecycle": {"preStop": {"sleep": {"seconds": 10}}},
        "securityContext": {"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}}}]}})");
}

TEST_CASE("desired: the Service leads to the agent's real port", "[desired]") {
  const Team team = dedicated(a_team(), {.container_port = 9000});
  check_equal(object_of(team, Slot::AgentService).at("spec"), R"({"type": "ClusterIP",
    "selector": {"app.kubernetes.io/name": "incidentfox-agent", "incidentfox.io/org-id": "acme", "incidentfox.io/team-node-id": "checkout"},
    "ports": [{"name": "http", "port": 9000, "targetPort": 9000, "protocol": "TCP"}]})");
  CHECK(agent_url(team, "svc", agent_port(team, BuildContext{})) ==
        "http://svc.incidentfox.svc.cluster.local:9000");
}

TEST_CASE("desired: an isolated runtime talks to the gateway, DNS, the Config Service and the internet",
          "[desired]") {
  check_equal(
      object_of(dedicated(a_team(), {.network_isolation = true}), Slot::AgentNetworkPolicy).at("spec"), R"({
    "podSelector": {"matchLabels": {"app.kubernetes.io/name": "incidentfox-agent", "incidentfox.io/org-id": "acme",
      "incidentfox.io/team-node-id": "checkout"}},
    "policyTypes": ["Ingress", "Egress"],
    "ingress": [{"from": [{"podSelector": {"matchLabels": {"app": "gateway"}}}], "ports": [{"protocol": "TCP", "port": 8080}]}],
    "egress": [
      {"to": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}}}, {"ipBlock": {"cidr": "169.254.20.10/32"}}],
       "ports": [{"protocol": "UDP", "port": 53}, {"protocol": "TCP", "port": 53}]},
      {"to": [{"podSelector": {"matchLabels": {"app": "config"}}}]},
      {"to": [{"ipBlock": {"cidr": "0.0.0.0/0", "except": ["10.0.0.0/8", "100.64.0.0/10", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16"]}},
              {"ipBlock": {"cidr": "::/0", "except": ["fc00::/7", "fe80::/10"]}}]}]})");
}

TEST_CASE("desired: a budget above one replica or when asked for", "[desired]") {
  CHECK(object_of(dedicated(a_team()), Slot::AgentDisruptionBudget).is_null());
  CHECK(object_of(dedicated(a_team(), {.replicas = 2}), Slot::AgentDisruptionBudget)
            .at("spec")
            .at("maxUnavailable") == 1);
  const Json asked = object_of(dedicated(a_team(), {.disruption_budget = {{"minAvailable", "50%"}}}),
                               Slot::AgentDisruptionBudget);
  CHECK(asked.at("spec").at("minAvailable") == "50%");
  CHECK_FALSE(asked.at("spec").contains("maxUnavailable"));
}

TEST_CASE("desired: the autoscaler, whole", "[desired]") {
  const Team team = dedicated(
      a_team(), {.autoscaling = domain::Autoscaling{
                     .min_replicas = 2, .max_replicas = 5, .cpu_percent = 70, .memory_percent = 90}});
  const Json autoscaler = object_of(team, Slot::AgentAutoscaler);
  CHECK(autoscaler.at("apiVersion") == "autoscaling/v2");
  check_equal(autoscaler.at("spec"), R"({
    "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "agent-dedicated-acme-checkout"},
    "minReplicas": 2, "maxReplicas": 5,
    "metrics": [
      {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 70}}},
      {"type": "Resource", "resource": {"name": "memory", "target": {"type": "Utilization", "averageUtilization": 90}}}]})");
  const auto targets = [&](domain::Autoscaling scaling) {
    return object_of(dedicated(a_team(), {.autoscaling = scaling}), Slot::AgentAutoscaler)
        .at("spec")
        .at("metrics")
        .dump();
  };
  const std::string by_default = targets({.max_replicas = 2});
  CHECK(by_default.find("\"cpu\"") != std::string::npos);
  CHECK(by_default.find("80") != std::string::npos);
  CHECK(targets({.max_replicas = 2, .memory_percent = 50}).find("cpu") == std::string::npos);
  CHECK(object_of(dedicated(a_team()), Slot::AgentAutoscaler).is_null());
  // A budget where there may be several.
  const auto budget = [&](std::int64_t replicas, std::int64_t most) {
    const domain::Autoscaling scaling{.max_replicas = most};
    return object_of(dedicated(a_team(), {.replicas = replicas, .autoscaling = scaling}),
                     Slot::AgentDisruptionBudget);
  };
  CHECK_FALSE(budget(1, 2).is_null());
  CHECK(budget(3, 1).is_null());
}

TEST_CASE("desired: what the team says comes first", "[desired]") {
  const Json affinity = {{"nodeAffinity", Json::object()}};
  const Team team =
      dedicated(a_team(), {.replicas = 3,
                           .resources = {{"limits", {{"cpu", "4"}}}},
                           .image = "registry/agent:7",
                           .env = {{.name = "PLAIN", .value = "x"},
                                   {.name = "EMPTY"},
                                   {.name = "KEY", .secret_name = "s", .secret_key = "k", .optional = true}},
                           .node_selector = {{"pool", "agents"}},
                           .tolerations = Json::array({{{"key", "agents"}, {"operator", "Exists"}}}),
                           .affinity = affinity,
                           .topology_spread = Json::array({{{"maxSkew", 1},
                                                            {"topologyKey", "topology.kubernetes.io/zone"},
                                                            {"whenUnsatisfiable", "DoNotSchedule"}}}),
                           .priority_class_name = "high"});
  const Json deployment = object_of(team, Slot::AgentDeployment);
  const Json& pod = deployment.at("spec").at("template").at("spec");
  const Json& container = pod.at("containers").at(0);
  CHECK(deployment.at("spec").at("replicas") == 3);
  CHECK(container.at("image") == "registry/agent:7");
  check_equal(container.at("resources"), R"({"limits": {"cpu": "4"}})");
  const Json& env = container.at("env");
  CHECK(env.at(6) == Json{{"name", "PLAIN"}, {"value", "x"}});
  CHECK(env.at(7) == Json{{"name", "EMPTY"}});
  check_equal(
      env.at(8),
      R"({"name": "KEY", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k", "optional": true}}})");
  check_equal(pod.at("nodeSelector"), R"({"pool": "agents"})");
  check_equal(pod.at("tolerations"), R"([{"key": "agents", "operator": "Exists"}])");
  CHECK(pod.at("affinity") == affinity);
  CHECK(pod.at("priorityClassName") == "high");
  check_equal(pod.at("topologySpreadConstraints"),
              R"([{"maxSkew": 1, "topologyKey": "topology.kubernetes.io/zone",
    "whenUnsatisfiable": "DoNotSchedule", "labelSelector": {"matchLabels": {"app.kubernetes.io/name": "incidentfox-agent",
    "incidentfox.io/org-id": "acme", "incidentfox.io/team-node-id": "checkout"}}}])");
}

TEST_CASE("desired: discovery only when enabled and scheduled", "[desired]") {
  Team team = a_team();
  CHECK(object_of(team, Slot::DiscoveryCronJob).is_null());
  team.spec.dependency_discovery = domain::DependencyDiscovery{.enabled = false, .schedule = "@daily"};
  CHECK(object_of(team, Slot::DiscoveryCronJob).is_null());
  team.spec.dependency_discovery->enabled = true;
  const Json cron_job = object_of(team, Slot::DiscoveryCronJob);
  CHECK(cron_job.at("metadata").at("name") == "dep-discovery-acme-checkout");
  CHECK(cron_job.at("spec").at("schedule") == "@daily");
  const Json& pod = cron_job.at("spec").at("jobTemplate").at("spec").at("template").at("spec");
  CHECK(pod.at("serviceAccountName") == "dependency-discovery");
  check_equal(pod.at("containers").at(0).at("args"), R"(["--team-id", "checkout"])");
}

TEST_CASE("desired: schedules that are kept in the Config Service", "[desired]") {
  Team team = a_team();
  team.spec.pipeline =
      domain::Pipeline{.source = domain::ScheduleSource::ConfigService, .time_zone = "Asia/Tokyo"};
  CHECK(object_of(team, Slot::PipelineCronJob).is_null());
  const auto found = [&](domain::ResolvedSchedules schedules) {
    team.status.platform = std::make_shared<const domain::PlatformStatus>(
        domain::PlatformStatus{.schedules = std::move(schedules)});
  };
  found({});
  CHECK(object_of(team, Slot::PipelineCronJob).is_null());
  CHECK(object_of(team, Slot::DiscoveryCronJob).is_null());
  found({.pipeline = "0 4 * * *", .dependency_discovery = "@daily"});
  CHECK(object_of(team, Slot::PipelineCronJob).at("spec").at("schedule") == "0 4 * * *");
  CHECK(object_of(team, Slot::PipelineCronJob).at("spec").at("timeZone") == "Asia/Tokyo");
  CHECK(object_of(team, Slot::DiscoveryCronJob).at("spec").at("schedule") == "@daily");
  team.spec.dependency_discovery = domain::DependencyDiscovery{.enabled = false};
  CHECK(object_of(team, Slot::DiscoveryCronJob).is_null());
  // What was found once does not count for a team that keeps its schedules itself.
  team.spec.pipeline = domain::Pipeline{.schedule = "0 2 * * *"};
  CHECK(object_of(team, Slot::PipelineCronJob).at("spec").at("schedule") == "0 2 * * *");
}

Team governed(Team team, domain::Governance governance) {
  team.spec.platform =
      std::make_shared<const domain::PlatformSpec>(domain::PlatformSpec{.governance = std::move(governance)});
  return team;
}

Json agent_env(const Team& team) {
  const Json pod = object_of(team, Slot::AgentDeployment).at("spec").at("template").at("spec");
  Json env = Json::object();
  for (const Json& variable : pod.at("containers").at(0).at("env"))
    env[variable.at("name").get<std::string>()] = variable;
  return env;
}

TEST_CASE("desired: an agent is told what it may do", "[desired]") {
  const Team team = dedicated(a_team());
  CHECK_FALSE(agent_env(team).contains("INCIDENTFOX_WRITE_TOOLS"));
  const Json off = agent_env(governed(team, {}));
  CHECK(off.at("INCIDENTFOX_WRITE_TOOLS").at("value") == "disabled");
  CHECK_FALSE(off.contains("INCIDENTFOX_AUDIT_SINK_URL"));

  const Json approved =
      agent_env(governed(team, {.write_tools = domain::WriteTools::Approved,
                                .approved_by = "ada",
                                .audit_sink_url = "https://audit/$(INCIDENTFOX_AUDIT_SINK_TOKEN)",
                                .audit_sink_secret = "audit"}));
  CHECK(approved.at("INCIDENTFOX_WRITE_TOOLS").at("value") == "approved");
  // $$ is a plain $ for kubelet: the token does not get into the URL.
  CHECK(approved.at("INCIDENTFOX_AUDIT_SINK_URL").at("value") ==
        "https://audit/$$(INCIDENTFOX_AUDIT_SINK_TOKEN)");
  check_equal(approved.at("INCIDENTFOX_AUDIT_SINK_TOKEN"), R"({"name": "INCIDENTFOX_AUDIT_SINK_TOKEN",
    "valueFrom": {"secretKeyRef": {"name": "audit", "key": "token"}}})");
  CHECK(
      agent_env(governed(team, {.audit_sink_url = "https://audit"})).count("INCIDENTFOX_AUDIT_SINK_TOKEN") ==
      0);
}

TEST_CASE("desired: regions bind the agent beside what the team asks for", "[desired]") {
  const auto affinity_of = [](const char* own) {
    const Team team = governed(dedicated(a_team(), {.affinity = Json::parse(own)}),
                               {.regions = {"eu-west-1", "eu-west-3"}});
    return object_of(team, Slot::AgentDeployment).at("spec").at("template").at("spec").at("affinity");
  };
  const std::string region =
      R"({"key": "topology.kubernetes.io/region", "operator": "In", "values": ["eu-west-1", "eu-west-3"]})";
  const std::string required = R"({"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": )";
  check_equal(affinity_of("null"),
              R"({"nodeAffinity": )" + required + R"([{"matchExpressions": [)" + region + "]}]}}}");

  const std::string spread =
      R"("podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [{"topologyKey": "zone"}]})";
  const std::string ssd = R"({"key": "disk", "operator": "In", "values": ["ssd"]})";
  const std::string node = R"("matchFields": [{"key": "metadata.name", "operator": "In", "values": ["n1"]}])";
  check_equal(affinity_of(("{" + spread + R"(, "nodeAffinity": )" + required + R"([{"matchExpressions": [)" +
                           ssd + "]}, {" + node + "}, {}]}}}")
                              .c_str()),
              "{" + spread + R"(, "nodeAffinity": )" + required + R"([{"matchExpressions": [)" + ssd + "," +
                  region + "]}, {" + node + R"(, "matchExpressions": [)" + region + "]}, {}]}}}");
}

TEST_CASE("desired: data leaves to the ranges that governance names", "[desired]") {
  const domain::Governance governance{.egress_cidrs = {"203.0.113.0/24", "2001:db8::/32"}};
  Team team = governed(dedicated(a_team()), governance);
  const std::string common = R"("podSelector": {"matchLabels": {"app.kubernetes.io/name": "incidentfox-agent",
      "incidentfox.io/org-id": "acme", "incidentfox.io/team-node-id": "checkout"}},
    "egress": [
      {"to": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}}}, {"ipBlock": {"cidr": "169.254.20.10/32"}}],
       "ports": [{"protocol": "UDP", "port": 53}, {"protocol": "TCP", "port": 53}]},
      {"to": [{"podSelector": {"matchLabels": {"app": "config"}}}]},
      {"to": [{"ipBlock": {"cidr": "203.0.113.0/24"}}, {"ipBlock": {"cidr": "2001:db8::/32"}}]}])";
  check_equal(object_of(team, Slot::AgentNetworkPolicy).at("spec"),
              "{" + common + R"(, "policyTypes": ["Egress"]})");
  team = governed(dedicated(a_team(), {.network_isolation = true}), governance);
  check_equal(object_of(team, Slot::AgentNetworkPolicy).at("spec"),
              "{" + common + R"(, "policyTypes": ["Ingress", "Egress"],
    "ingress": [{"from": [{"podSelector": {"matchLabels": {"app": "gateway"}}}], "ports": [{"protocol": "TCP", "port": 8080}]}]})");
  CHECK(object_of(governed(a_team(), governance), Slot::AgentNetworkPolicy).is_null());
}

TEST_CASE("desired: pull secrets and accounts", "[desired]") {
  BuildContext build = kBuild;
  build.image_pull_secrets = {"incidentfox-registry"};
  build.agent_env_secret.clear();
  const Team team = dedicated(scheduled(a_team()));
  const Json agent = object_of(team, Slot::AgentDeployment, build).at("spec").at("template").at("spec");
  check_equal(agent.at("imagePullSecrets"), R"([{"name": "incidentfox-registry"}])");
  CHECK_FALSE(agent.at("containers").at(0).contains("envFrom"));
  CHECK(desired_state(team, build, default_layout(team)).service_accounts ==
        std::vector<std::string>{"ai-pipeline", "incidentfox-agent"});
}

}  // namespace
}  // namespace tp::provisioner
