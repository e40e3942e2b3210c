#include "provisioner/desired/agent.h"

#include <algorithm>
#include <chrono>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "provisioner/desired/governance.h"
#include "provisioner/desired/metadata.h"
#include "provisioner/desired/pod_parts.h"

namespace tp::provisioner {
namespace {

using domain::DedicatedRuntime;
using domain::EnvVar;
using domain::RuntimeMode;
using domain::TeamProvisioning;
using Json = nlohmann::json;

// Before SIGTERM reaches the agent, endpoints must have forgotten the pod, or new runs would still be sent to
// it.
constexpr int kPreStopSeconds = 10;
constexpr std::chrono::seconds kGraceBeyondRun{30};
constexpr std::int64_t kDefaultCpuPercent = 80;  // the API server's own default

const DedicatedRuntime& settings(const TeamProvisioning& team) {
  static const DedicatedRuntime kDefaults;
  return team.spec.dedicated ? *team.spec.dedicated : kDefaults;
}

bool dedicated(const TeamProvisioning& team) { return team.spec.mode == RuntimeMode::Dedicated; }

Json env_variable(const EnvVar& variable) {
  if (variable.secret_name.empty()) return env_literal(variable.name, variable.value);
  Json reference{{"name", variable.secret_name}, {"key", variable.secret_key}};
  if (variable.optional) reference["optional"] = true;
  return Json{{"name", variable.name}, {"valueFrom", {{"secretKeyRef", std::move(reference)}}}};
}

Json environment(const TeamProvisioning& team, const BuildContext& build) {
  Json env = Json::array({
      env_literal("ORG_ID", team.spec.org_id),
      env_literal("TEAM_NODE_ID", team.spec.team_node_id),
      env_literal("CONFIG_SERVICE_URL", build.config_service_url),
      env_literal("CONFIG_BASE_URL", build.config_service_url),
      env_literal("USE_CONFIG_SERVICE", "true"),
      env_literal("DEPLOYMENT_MODE", "dedicated"),
  });
  for (Json& variable : governance_env(team)) env.push_back(std::move(variable));
  const std::vector<EnvVar>& own = settings(team).env;
  for (const EnvVar& variable : build.agent_env) {
    const bool overridden =
        std::any_of(own.begin(), own.end(), [&](const EnvVar& other) { return other.name == variable.name; });
    if (!overridden) env.push_back(env_variable(variable));
  }
  for (const EnvVar& variable : own) env.push_back(env_variable(variable));
  return env;
}

Json probe(int initial_delay, int period) {
  return Json{{"httpGet", {{"path", "/health"}, {"port", kAgentHealthPort}}},
              {"initialDelaySeconds", initial_delay},
              {"periodSeconds", period}};
}

Json container(const TeamProvisioning& team, const BuildContext& build) {
  const DedicatedRuntime& own = settings(team);
  Json result{
      {"name", "agent"},
      {"image", own.image.empty() ? build.agent_image : own.image},
      {"imagePullPolicy", "Always"},
      {"ports",
       Json::array({{{"name", "http"}, {"containerPort", agent_port(team, build)}, {"protocol", "TCP"}},
                    {{"name", "health"}, {"containerPort", kAgentHealthPort}, {"protocol", "TCP"}}})},
      {"env", environment(team, build)},
      {"resources", resources_or(own.resources, "500m", "1Gi", "2", "4Gi")},
      {"readinessProbe", probe(10, 10)},
      {"livenessProbe", probe(30, 30)},
      {"lifecycle", {{"preStop", {{"sleep", {{"seconds", kPreStopSeconds}}}}}}},
      {"securityContext", container_security_context()},
  };
  if (!build.agent_env_secret.empty()) {
    result["envFrom"] =
        Json::array({{{"secretRef", {{"name", build.agent_env_secret}, {"optional", true}}}}});
  }
  return result;
}

Json pod_spec(const TeamProvisioning& team, const BuildContext& build, const Json& selector) {
  const DedicatedRuntime& own = settings(team);
  Json spec = pod_basics(build.agent_service_account, build);
  // An investigation in flight ends before its pod does.
  spec["terminationGracePeriodSeconds"] = (build.run_limit + kGraceBeyondRun).count();
  spec["containers"] = Json::array({container(team, build)});
  if (!own.node_selector.is_null()) spec["nodeSelector"] = own.node_selector;
  if (!own.tolerations.is_null()) spec["tolerations"] = own.tolerations;
  if (Json affinity = within_regions(own.affinity, team); !affinity.is_null())
    spec["affinity"] = std::move(affinity);
  if (!own.priority_class_name.empty()) spec["priorityClassName"] = own.priority_class_name;
  if (!own.topology_spread.is_null()) {
    Json& constraints = spec["topologySpreadConstraints"] = own.topology_spread;
    for (Json& constraint : constraints) constraint["labelSelector"] = {{"matchLabels", selector}};
  }
  return spec;
}

// All outside addresses but the private ones (RFC 1918, RFC 6598, link-local with the cloud's metadata
// service, and their IPv6 counterparts RFC 4193 and RFC 4291).
Json public_internet() {
  return Json::array({
      {{"ipBlock",
        {{"cidr", "0.0.0.0/0"},
         {"except", {"10.0.0.0/8", "100.64.0.0/10", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16"}}}}},
      {{"ipBlock", {{"cidr", "::/0"}, {"except", {"fc00::/7", "fe80::/10"}}}}},
  });
}

Json dns_rule() {
  return Json{
      {"to", Json::array({{{"namespaceSelector",
                            {{"matchLabels", {{"kubernetes.io/metadata.name", "kube-system"}}}}}},
                          {{"ipBlock", {{"cidr", "169.254.20.10/32"}}}}})},  // NodeLocal DNSCache's address
      {"ports", Json::array({{{"protocol", "UDP"}, {"port", 53}}, {{"protocol", "TCP"}, {"port", 53}}})},
  };
}

}  // namespace

std::optional<Json> build_agent_deployment(const TeamProvisioning& team,
                                           const BuildContext& build,
                                           const std::string& name,
                                           const Json& selector,
                                           std::optional<std::int64_t> replicas) {
  if (!dedicated(team)) return std::nullopt;
  Json pod_labels = child_labels(team, Slot::AgentDeployment);
  pod_labels.update(selector);
  Json object = child_skeleton(team, Slot::AgentDeployment, name);
  object["spec"] = {
      {"selector", {{"matchLabels", selector}}},
      // A roll-out never has fewer agents than the team asked for.
      {"strategy", {{"type", "RollingUpdate"}, {"rollingUpdate", {{"maxUnavailable", 0}, {"maxSurge", 1}}}}},
      {"template",
       {{"metadata", {{"labels", std::move(pod_labels)}}}, {"spec", pod_spec(team, build, selector)}}},
  };
  if (replicas) object["spec"]["replicas"] = *replicas;
  if (build.progress_deadline) object["spec"]["progressDeadlineSeconds"] = build.progress_deadline->count();
  return object;
}

std::optional<Json> build_agent_autoscaler(const TeamProvisioning& team,
                                           const std::string& name,
                                           const std::string& deployment) {
  const auto& scaling = settings(team).autoscaling;
  if (!dedicated(team) || !scaling) return std::nullopt;
  Json metrics = Json::array();
  const auto target = [&](const char* resource, std::int64_t percent) {
    if (percent == 0) return;
    metrics.push_back(
        {{"type", "Resource"},
         {"resource",
          {{"name", resource}, {"target", {{"type", "Utilization"}, {"averageUtilization", percent}}}}}});
  };
  target("cpu", scaling->cpu_percent == 0 && scaling->memory_percent == 0 ? kDefaultCpuPercent
                                                                          : scaling->cpu_percent);
  target("memory", scaling->memory_percent);
  Json object = child_skeleton(team, Slot::AgentAutoscaler, name);
  object["spec"] = {
      {"scaleTargetRef",
       {{"apiVersion", kube::kDeployments.api_version()},
        {"kind", kube::kDeployments.kind},
        {"name", deployment}}},
      {"minReplicas", scaling->min_replicas},
      {"maxReplicas", scaling->max_replicas},
      {"metrics", std::move(metrics)},
  };
  return object;
}

std::optional<Json> build_agent_service(const TeamProvisioning& team,
                                        const BuildContext& build,
                                        const std::string& name,
                                        const Json& selector) {
  if (!dedicated(team)) return std::nullopt;
  const std::int64_t port = agent_port(team, build);
  Json object = child_skeleton(team, Slot::AgentService, name);
  object["spec"] = {
      {"type", "ClusterIP"},
      {"selector", selector},
      {"ports", Json::array({{{"name", "http"}, {"port", port}, {"targetPort", port}, {"protocol", "TCP"}}})},
  };
  return object;
}

std::optional<Json> build_agent_network_policy(const TeamProvisioning& team,
                                               const BuildContext& build,
                                               const std::string& name,
                                               const Json& selector) {
  const DedicatedRuntime& own = settings(team);
  Json allowed = egress_peers(team);
  if (!dedicated(team) || (!own.network_isolation && allowed.is_null())) return std::nullopt;
  if (allowed.is_null()) allowed = public_internet();
  Json object = child_skeleton(team, Slot::AgentNetworkPolicy, name);
  Json& spec = object["spec"];
  spec = Json{
      {"podSelector", {{"matchLabels", selector}}},
      {"policyTypes", Json::array({"Egress"})},
      {"egress",
       Json::array(
           {dns_rule(), {{"to", Json::array({build.config_service_peer})}}, {{"to", std::move(allowed)}}})},
  };
  if (own.network_isolation) {
    spec["policyTypes"] = Json::array({"Ingress", "Egress"});
    spec["ingress"] =
        Json::array({{{"from", Json::array({build.gateway_peer})},
                      {"ports", Json::array({{{"protocol", "TCP"}, {"port", agent_port(team, build)}}})}}});
  }
  return object;
}

std::optional<Json> build_agent_disruption_budget(const TeamProvisioning& team,
                                                  const std::string& name,
                                                  const Json& selector) {
  const DedicatedRuntime& own = settings(team);
  const std::int64_t most = own.autoscaling ? own.autoscaling->max_replicas : own.replicas;
  if (!dedicated(team) || (most <= 1 && own.disruption_budget.is_null())) return std::nullopt;
  Json object = child_skeleton(team, Slot::AgentDisruptionBudget, name);
  Json& spec = object["spec"];
  spec = own.disruption_budget.is_null() ? Json{{"maxUnavailable", 1}} : own.disruption_budget;
  spec["selector"] = {{"matchLabels", selector}};
  spec["unhealthyPodEvictionPolicy"] = "AlwaysAllow";  // a broken agent must not block a node's drain
  return object;
}

std::int64_t initial_replicas(const TeamProvisioning& team) {
  const DedicatedRuntime& own = settings(team);
  if (!own.autoscaling) return own.replicas;
  return std::clamp(own.replicas, own.autoscaling->min_replicas, own.autoscaling->max_replicas);
}

std::int64_t agent_port(const TeamProvisioning& team, const BuildContext& build) {
  return settings(team).container_port != 0 ? settings(team).container_port : build.agent_port;
}

std::string agent_url(const TeamProvisioning& team, const std::string& service_name, std::int64_t port) {
  return "http://" + service_name + "." + team.meta.key.ns + ".svc.cluster.local:" + std::to_string(port);
}

}  // namespace tp::provisioner
