#include "domain/parse_team.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <nlohmann/json.hpp>

#include "base/time.h"
#include "domain/field_reader.h"
#include "domain/free_config.h"
#include "domain/quantity.h"
#include "domain/resource_head.h"
#include "domain/team_schema.h"
#include "domain/team_status.h"
#include "kube/core/text.h"

namespace tp::domain {
namespace {

using json::View;

constexpr std::size_t kDescribed = 5;
// maxLength of the fields of the status where annotations are echoed: a longer one could never be, and the
// status could not be written at all.
constexpr std::size_t kMaxAnnotation = 256;

Resources read_resources(const FieldReader& parent) {
  Resources resources = parent.part("resources");
  for (nlohmann::json& amounts : resources) {
    for (nlohmann::json& amount : amounts) {
      const std::string text = amount.is_string() ? amount.get<std::string>() : amount.dump();
      if (const auto quantity = Quantity::parse(text)) amount = quantity->canonical();
    }
  }
  return resources;
}

std::vector<std::string> read_texts(View list) {
  std::vector<std::string> texts;
  texts.reserve(list.size());
  list.each([&](View item) { texts.emplace_back(item.text()); });
  return texts;
}

Routing read_routing(const FieldReader& fields) {
  Routing routing;
  for (std::size_t kind = 0; kind < kRoutingKinds.size(); ++kind) {
    if (const View list = fields.value(kRoutingKinds.at(kind).field)) routing.at(kind) = read_texts(list);
  }
  return routing;
}

TokenSpec read_token(const FieldReader& fields) {
  const TokenSpec defaults;
  return {.secret_name = fields.text("secretName"),
          .rotation_interval = fields.duration("rotationInterval", defaults.rotation_interval),
          .grace_period = fields.duration("gracePeriod", defaults.grace_period)};
}

std::optional<Governance> read_governance(const FieldReader& fields) {
  if (!fields.exists()) return std::nullopt;
  const FieldReader sink = fields.object("auditSink");
  const FieldReader locality = fields.object("dataLocality");
  return Governance{
      .write_tools = fields.text("writeTools") == "Approved" ? WriteTools::Approved : WriteTools::Disabled,
      .approved_by = fields.text("approvedBy"),
      .audit_sink_url = sink.text("url"),
      .audit_sink_secret = sink.text("secretName"),
      .regions = read_texts(locality.value("regions")),
      .egress_cidrs = read_texts(locality.value("egressCIDRs"))};
}

std::optional<KnowledgeBase> read_knowledge_base(const FieldReader& fields) {
  if (!fields.exists()) return std::nullopt;
  return KnowledgeBase{
      .seed = fields.text("seed") == "Sources" ? KnowledgeSeed::Sources : KnowledgeSeed::Empty,
      .sources = read_texts(fields.value("sources"))};
}

ConfigPolicy config_policy(std::string_view name) {
  if (name == "Retain") return ConfigPolicy::Retain;
  return name == "Clear" ? ConfigPolicy::Clear : ConfigPolicy::Withdraw;
}

// Nothing for a team that says nothing of it.
std::shared_ptr<const PlatformSpec> read_platform(const FieldReader& fields) {
  PlatformSpec platform{
      .display_name = fields.text("displayName"),
      .parent_node_id = fields.text("parentNodeId"),
      .routing = read_routing(fields.object("routing")),
      .config = fields.part("config"),
      .auth = fields.object("auth").text("mode") == "OIDC" ? AuthMode::Oidc : AuthMode::Token,
      .token = read_token(fields.object("token")),
      .governance = read_governance(fields.object("governance")),
      .knowledge_base = read_knowledge_base(fields.object("knowledgeBase")),
      .deletion = config_policy(fields.object("deletionPolicy").text("config")),
      .drift_interval = fields.duration("driftInterval", {})};
  if (platform.config.empty()) platform.config = nullptr;
  if (platform == PlatformSpec{}) return nullptr;
  return std::make_shared<const PlatformSpec>(std::move(platform));
}

Pipeline read_pipeline(const FieldReader& fields) {
  return {.source =
              fields.text("source") == "ConfigService" ? ScheduleSource::ConfigService : ScheduleSource::Spec,
          .bootstrap = fields.text("bootstrap") == "Never" ? BootstrapPolicy::Never : BootstrapPolicy::Once,
          .schedule = fields.text("schedule"),
          .time_zone = fields.text("timeZone"),
          .suspend = fields.boolean("suspend").value_or(false),
          .image = fields.text("image"),
          .resources = read_resources(fields)};
}

DependencyDiscovery read_discovery(const FieldReader& fields) {
  return {.enabled = fields.boolean("enabled").value_or(true),
          .schedule = fields.text("schedule"),
          .image = fields.text("image"),
          .resources = read_resources(fields)};
}

std::optional<Autoscaling> read_autoscaling(const FieldReader& fields) {
  if (!fields.exists()) return std::nullopt;
  const Autoscaling defaults;
  return Autoscaling{.min_replicas = fields.number("minReplicas", defaults.min_replicas),
                     .max_replicas = fields.number("maxReplicas", defaults.max_replicas),
                     .cpu_percent = fields.number("targetCPUUtilizationPercentage", 0),
                     .memory_percent = fields.number("targetMemoryUtilizationPercentage", 0)};
}

std::shared_ptr<const DedicatedRuntime> read_dedicated(const FieldReader& fields) {
  if (!fields.exists()) return nullptr;
  const DedicatedRuntime defaults;
  return std::make_shared<const DedicatedRuntime>(
      DedicatedRuntime{.replicas = fields.number("replicas", defaults.replicas),
                       .resources = read_resources(fields),
                       .image = fields.text("image"),
                       .container_port = fields.number("containerPort", defaults.container_port),
                       .env = fields.env(),
                       .node_selector = fields.part("nodeSelector"),
                       .tolerations = fields.part("tolerations"),
                       .affinity = fields.part("affinity"),
                       .topology_spread = fields.part("topologySpread"),
                       .priority_class_name = fields.text("priorityClassName"),
                       .disruption_budget = fields.part("disruptionBudget"),
                       .network_isolation = fields.text("networkIsolation") == "Enabled",
                       .autoscaling = read_autoscaling(fields.object("autoscaling"))});
}

TeamSpec read_spec(const FieldReader& fields) {
  const FieldReader pipeline = fields.object("pipeline");
  const FieldReader discovery = fields.object("dependencyDiscovery");
  const FieldReader runtime = fields.object("runtime");
  TeamSpec spec;
  spec.org_id = fields.text("orgId");
  spec.team_node_id = fields.text("teamNodeId");
  if (pipeline.exists()) spec.pipeline = read_pipeline(pipeline);
  if (discovery.exists()) spec.dependency_discovery = read_discovery(discovery);
  spec.release = fields.text("release");
  if (runtime.text("mode") == "Dedicated") spec.mode = RuntimeMode::Dedicated;
  spec.dedicated = read_dedicated(runtime.object("dedicated"));
  spec.platform = read_platform(fields);
  if (fields.object("deletionPolicy").text("children") == "Orphan") spec.children = ChildrenPolicy::Orphan;
  spec.suspend = fields.boolean("suspend").value_or(false);
  return spec;
}

int finalizer_index(View finalizers) {
  int index = 0;
  for (View item = finalizers.first(); item; item = item.next(), ++index) {
    if (item.text() == kFinalizer) return index;
  }
  return -1;
}

}  // namespace

std::string describe(const std::vector<FieldError>& errors) {
  std::string text;
  for (std::size_t i = 0; i < std::min(errors.size(), kDescribed); ++i) {
    text.append(i == 0 ? "" : "; ").append(errors[i].path).append(": ").append(errors[i].message);
  }
  if (errors.size() > kDescribed) text += "; and " + std::to_string(errors.size() - kDescribed) + " more";
  return text;
}

Result<ParsedTeam> parse_team(View object, bool manifest) {
  TP_ASSIGN_OR_RETURN(kube::ObjectMeta meta, read_head(object, kTeamProvisionings, manifest));

  ParsedTeam parsed;
  parsed.errors = check(team_schema(), object, "");
  for (FieldError& error : check_config(member(object["spec"], "config"), "spec.config"))
    parsed.errors.push_back(std::move(error));
  TeamProvisioning& team = parsed.team;
  team.meta = std::move(meta);
  const View metadata = object["metadata"];
  team.finalizer_index = finalizer_index(metadata["finalizers"]);
  team.deleted = parse_rfc3339(metadata["deletionTimestamp"].text()).value_or(WallTime{});
  const View annotations = metadata["annotations"];
  const auto annotation = [&](std::string_view name) {
    return std::string{kube::cut(annotations[name].text(), kMaxAnnotation)};
  };
  team.paused = annotations[kPaused].text() == "true";
  team.requested_at = annotation(kRequestedAt);
  team.rotate_token = annotation(kRotateToken);
  team.bootstrap = annotation(kBootstrap);
  team.provisioning_run = annotation(kProvisioningRun);
  team.spec = read_spec(FieldReader{property(team_schema(), "spec"), object["spec"], "spec", parsed.errors});
  team.status = read_status(object["status"]);
  return parsed;
}

}  // namespace tp::domain
