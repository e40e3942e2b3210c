#include "provisioner/desired/pod_parts.h"

#include <nlohmann/json.hpp>

namespace tp::provisioner {

using Json = nlohmann::json;

Json pod_basics(const std::string& service_account, const BuildContext& build) {
  Json spec{
      {"serviceAccountName", service_account},
      {"automountServiceAccountToken", false},  // nothing that a team runs talks to the Kubernetes API
      {"securityContext", {{"runAsNonRoot", true}, {"seccompProfile", {{"type", "RuntimeDefault"}}}}},
  };
  if (!build.image_pull_secrets.empty()) {
    Json& secrets = spec["imagePullSecrets"] = Json::array();
    for (const std::string& name : build.image_pull_secrets) secrets.push_back({{"name", name}});
  }
  return spec;
}

Json container_security_context() {
  return Json{{"allowPrivilegeEscalation", false}, {"capabilities", {{"drop", Json::array({"ALL"})}}}};
}

Json resources_or(const domain::Resources& own,
                  std::string_view cpu_request,
                  std::string_view memory_request,
                  std::string_view cpu_limit,
                  std::string_view memory_limit) {
  if (!own.is_null()) return own;
  return Json{{"requests", {{"cpu", cpu_request}, {"memory", memory_request}}},
              {"limits", {{"cpu", cpu_limit}, {"memory", memory_limit}}}};
}

// The API server drops an empty value on the way in (omitempty), so it must not be part of what we compare
// with.
Json env_literal(std::string_view name, std::string_view value) {
  Json variable{{"name", name}};
  if (!value.empty()) variable["value"] = value;
  return variable;
}

}  // namespace tp::provisioner
