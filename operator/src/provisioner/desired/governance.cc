#include "provisioner/desired/governance.h"

#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "provisioner/desired/pod_parts.h"

namespace tp::provisioner {
namespace {

using domain::Governance;
using domain::TeamProvisioning;
using Json = nlohmann::json;

constexpr std::string_view kRegionLabel = "topology.kubernetes.io/region";
constexpr std::string_view kSinkTokenKey = "token";  // of the Secret

const Governance* governance_of(const TeamProvisioning& team) {
  const auto& governance = domain::platform_of(team.spec).governance;
  return governance ? &*governance : nullptr;
}

// As it stands: kubelet would replace $(NAME) by another variable, such as the sink's token.
std::string unexpanded(std::string_view text) {
  std::string escaped;
  for (const char c : text) escaped.append(c == '$' ? 2 : 1, c);
  return escaped;
}

}  // namespace

Json governance_env(const TeamProvisioning& team) {
  Json env = Json::array();
  const Governance* const governance = governance_of(team);
  if (governance == nullptr) return env;
  const bool approved = governance->write_tools == domain::WriteTools::Approved;
  env.push_back(env_literal("INCIDENTFOX_WRITE_TOOLS", approved ? "approved" : "disabled"));
  if (governance->audit_sink_url.empty()) return env;
  env.push_back(env_literal("INCIDENTFOX_AUDIT_SINK_URL", unexpanded(governance->audit_sink_url)));
  if (governance->audit_sink_secret.empty()) return env;
  env.push_back(
      {{"name", "INCIDENTFOX_AUDIT_SINK_TOKEN"},
       {"valueFrom", {{"secretKeyRef", {{"name", governance->audit_sink_secret}, {"key", kSinkTokenKey}}}}}});
  return env;
}

Json within_regions(Json affinity, const TeamProvisioning& team) {
  const Governance* const governance = governance_of(team);
  if (governance == nullptr || governance->regions.empty()) return affinity;
  const Json requirement{{"key", kRegionLabel}, {"operator", "In"}, {"values", governance->regions}};
  Json& terms =
      affinity["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"];
  if (terms.is_null()) {
    terms = Json::array({{{"matchExpressions", Json::array({requirement})}}});
    return affinity;
  }
  // A node has to match one of the terms. An empty one matches none, and must not begin to.
  for (Json& term : terms) {
    if (!term.empty()) term["matchExpressions"].push_back(requirement);
  }
  return affinity;
}

Json egress_peers(const TeamProvisioning& team) {
  const Governance* const governance = governance_of(team);
  if (governance == nullptr || governance->egress_cidrs.empty()) return nullptr;
  Json peers = Json::array();
  for (const std::string& cidr : governance->egress_cidrs) peers.push_back({{"ipBlock", {{"cidr", cidr}}}});
  return peers;
}

}  // namespace tp::provisioner
