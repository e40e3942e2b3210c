#include "gateway/teams/team_parts.h"

#include <nlohmann/json.hpp>

namespace tp::gateway {
namespace {

using Json = nlohmann::json;

constexpr std::string_view kPipelinePrefix = "ai-pipeline-";
constexpr std::string_view kDiscoveryPrefix = "dep-discovery-";

Json cronjob(const TeamResource& resource, std::string_view prefix, const std::string& schedule) {
  const std::string name = inventory_name(resource, "CronJob", prefix);
  if (schedule.empty()) return nullptr;
  return {{"name", name.empty() ? Json{} : Json(name)},
          {"namespace", resource.meta.key.ns},
          {"schedule", schedule},
          {"org_id", resource.spec.org_id},
          {"team_node_id", resource.spec.team_node_id},
          {"created", !name.empty()}};
}

}  // namespace

std::string inventory_name(const TeamResource& resource, std::string_view kind, std::string_view prefix) {
  for (const domain::InventoryEntry& entry : resource.status.inventory) {
    if (entry.kind == kind && entry.name.starts_with(prefix)) return entry.name;
  }
  return {};
}

nlohmann::json pipeline_cronjob(const TeamResource& resource) {
  return cronjob(resource, kPipelinePrefix, domain::schedules_of(resource).pipeline);
}

nlohmann::json discovery_cronjob(const TeamResource& resource) {
  return cronjob(resource, kDiscoveryPrefix, domain::schedules_of(resource).dependency_discovery);
}

nlohmann::json dedicated_deployment(const TeamResource& resource) {
  if (resource.spec.mode != domain::RuntimeMode::Dedicated) return nullptr;
  const auto or_null = [](const std::string& text) { return text.empty() ? Json{} : Json(text); };
  const std::string name = inventory_name(resource, "Deployment");
  return {{"name", or_null(name)},
          {"namespace", resource.meta.key.ns},
          {"service_name", or_null(inventory_name(resource, "Service"))},
          {"service_url", or_null(resource.status.service_url)},
          {"org_id", resource.spec.org_id},
          {"team_node_id", resource.spec.team_node_id},
          {"created", !name.empty()}};
}

nlohmann::json pipeline_bootstrap(const TeamResource& resource) {
  const std::string& run = domain::platform_of(resource.status).bootstrap.run_id;
  if (run.empty()) return nullptr;
  return {{"ok", true}, {"run", {{"run_id", run}}}, {"run_id", run}};
}

nlohmann::json going(const TeamResource& resource, bool orphan, bool clear) {
  const domain::PlatformSpec& spec = domain::platform_of(resource.spec);
  const domain::PlatformStatus& status = domain::platform_of(resource.status);
  Json going{{"team_provisioning", resource.meta.key.str()}};
  if (!orphan) {
    for (const domain::InventoryEntry& entry : resource.status.inventory)
      going[entry.kind].push_back(entry.name);
  }
  if (!status.token_secret.empty()) going["token_secret"] = status.token_secret;
  const bool retain = spec.deletion == domain::ConfigPolicy::Retain && !clear;
  if (retain) return going;
  for (std::size_t kind = 0; kind < domain::kRoutingKinds.size(); ++kind) {
    if (const auto& list = spec.routing.at(kind))
      going["routing"][std::string{domain::kRoutingKinds.at(kind).config_key}] = *list;
  }
  if (clear || spec.deletion == domain::ConfigPolicy::Clear) going["config_keys"] = status.owned_keys;
  return going;
}

}  // namespace tp::gateway
