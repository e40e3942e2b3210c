#include "provisioner/platform/config_document.h"

#include <algorithm>
#include <cstddef>
#include <string_view>

#include "crypto/encoding.h"
#include "crypto/sha256.h"
#include "domain/schedule.h"
#include "json/parse.h"

namespace tp::provisioner {
namespace {

using domain::kRoutingKinds;
using Json = nlohmann::json;

constexpr std::size_t kDigestHex = 32;
// The schedules that the service's own defaults have.
constexpr std::string_view kPipelineSchedule = "0 2 * * *";
constexpr std::string_view kDiscoverySchedule = "0 */2 * * *";

Json governance_document(const domain::Governance& governance) {
  const bool approved = governance.write_tools == domain::WriteTools::Approved;
  Json document{{"write_tools", approved ? "approved" : "disabled"}};
  if (approved) document["approved_by"] = governance.approved_by;
  if (!governance.audit_sink_url.empty()) document["audit_sink"] = {{"url", governance.audit_sink_url}};
  if (!governance.regions.empty()) document["data_locality"]["regions"] = governance.regions;
  if (!governance.egress_cidrs.empty()) document["data_locality"]["egress_cidrs"] = governance.egress_cidrs;
  return document;
}

bool is_branch(const Json& value) { return value.is_object() && !value.empty(); }

void collect(const Json& document, const std::string& prefix, std::vector<std::string>& paths) {
  for (const auto& [key, value] : document.items()) {
    std::string path = prefix + key;
    if (is_branch(value)) {
      collect(value, path + ".", paths);
    } else {
      paths.push_back(std::move(path));
    }
  }
}

Json::json_pointer pointer_of(std::string_view dotted) {
  Json::json_pointer pointer;
  for (std::size_t at = 0; at <= dotted.size();) {
    const std::size_t dot = std::min(dotted.find('.', at), dotted.size());
    pointer.push_back(std::string{dotted.substr(at, dot - at)});
    at = dot + 1;
  }
  return pointer;
}

// Of one feature; empty when it is off.
Result<std::string> schedule_of(const Json& config, const char* feature, std::string_view fallback) {
  const auto found = config.find(feature);
  if (found == config.end() || !found->is_object()) return std::string{};
  const auto enabled = found->find("enabled");
  if (enabled == found->end() || !enabled->is_boolean() || !enabled->get<bool>()) return std::string{};
  const auto schedule = found->find("schedule");
  if (schedule == found->end() || schedule->is_null()) return std::string{fallback};
  if (!schedule->is_string() || !domain::schedule::is_valid(schedule->get_ref<const std::string&>()))
    return Error{ErrorCode::InvalidArgument, std::string{feature} + ".schedule is no cron expression"};
  return schedule->get<std::string>();
}

}  // namespace

Json desired_config(const domain::TeamProvisioning& team,
                    const Contested& contested,
                    const std::string& url) {
  const domain::PlatformSpec& spec = domain::platform_of(team.spec);
  Json document = spec.config.is_object() ? spec.config : Json::object();
  Json& routing = document["routing"] = Json::object();
  for (std::size_t i = 0; i < kRoutingKinds.size(); ++i) {
    if (!spec.routing.at(i)) continue;
    Json& list = routing[std::string{kRoutingKinds.at(i).config_key}] = Json::array();
    for (const std::string& identifier : *spec.routing.at(i)) {
      if (!contested.contains({static_cast<domain::RoutingKind>(i), identifier})) list.push_back(identifier);
    }
  }
  routing["team_id"] = team.spec.team_node_id;
  document["ai_pipeline"]["team_id"] = team.spec.team_node_id;
  if (spec.governance) document["governance"] = governance_document(*spec.governance);
  if (!url.empty()) document["agent"]["dedicated_service_url"] = url;
  return document;
}

std::vector<std::string> leaves_of(const Json& document) {
  std::vector<std::string> paths;
  collect(document, "", paths);
  std::sort(paths.begin(), paths.end());
  return paths;
}

Json patch_for(const Json& desired, const Json& live) {
  Json patch = Json::object();
  for (const auto& [key, value] : desired.items()) {
    const auto found = live.find(key);
    const bool there = found != live.end();
    if (there && value.is_object() && found->is_object()) {
      Json below = patch_for(value, *found);
      if (!below.empty()) patch[key] = std::move(below);
    } else if (!there || *found != value) {
      patch[key] = value;
    }
  }
  return patch;
}

std::string dedicated_url_of(const Json& live) {
  static const Json::json_pointer kUrl{"/agent/dedicated_service_url"};
  if (!live.contains(kUrl) || !live.at(kUrl).is_string()) return {};
  return live.at(kUrl).get<std::string>();
}

Json withdraw_url() { return {{"agent", {{"dedicated_service_url", nullptr}}}}; }

Json farewell_patch(const domain::TeamProvisioning& team,
                    const std::vector<std::string>& own_urls,
                    bool keep_runtime,
                    const Json& live) {
  const domain::PlatformSpec& spec = domain::platform_of(team.spec);
  const bool retain = spec.deletion == domain::ConfigPolicy::Retain;
  Json patch = Json::object();
  const bool ours = std::find(own_urls.begin(), own_urls.end(), dedicated_url_of(live)) != own_urls.end();
  if (!(retain && keep_runtime) && ours) patch = withdraw_url();
  if (retain) return patch;

  for (std::size_t i = 0; i < kRoutingKinds.size(); ++i) {
    if (!spec.routing.at(i)) continue;
    const auto path = Json::json_pointer{"/routing"} / std::string{kRoutingKinds.at(i).config_key};
    if (live.contains(path) && live.at(path) != Json::array()) patch[path] = Json::array();
  }
  if (spec.deletion != domain::ConfigPolicy::Clear) return patch;

  // What we ever wrote, whether or not its writing got as far as our memory of it.
  std::vector<std::string> owned = domain::platform_of(team.status).owned_keys;
  const std::vector<std::string> wanted = leaves_of(desired_config(team, {}, ""));
  owned.insert(owned.end(), wanted.begin(), wanted.end());
  for (const std::string& path : owned) {
    const Json::json_pointer pointer = pointer_of(path);
    const bool emptied = patch.contains(pointer) || (live.contains(pointer) && live.at(pointer).is_array() &&
                                                     path.starts_with("routing."));
    if (!emptied && live.contains(pointer) && !live.at(pointer).is_null()) patch[pointer] = nullptr;
  }
  return patch;
}

Result<domain::ResolvedSchedules> schedules_in(const Json& effective_config) {
  domain::ResolvedSchedules schedules;
  TP_ASSIGN_OR_RETURN(schedules.pipeline, schedule_of(effective_config, "ai_pipeline", kPipelineSchedule));
  TP_ASSIGN_OR_RETURN(schedules.dependency_discovery,
                      schedule_of(effective_config, "dependency_discovery", kDiscoverySchedule));
  return schedules;
}

std::string digest_of(const Json& document) {
  return crypto::to_hex(crypto::sha256(json::dump(document))).substr(0, kDigestHex);
}

std::string config_digest(const domain::TeamProvisioning& team,
                          const Contested& contested,
                          const std::string& url,
                          bool runtime) {
  return digest_of(Json::array({desired_config(team, contested, url), runtime}));
}

}  // namespace tp::provisioner
