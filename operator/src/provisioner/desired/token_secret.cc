#include "provisioner/desired/token_secret.h"

#include <utility>

#include <nlohmann/json.hpp>

#include "crypto/encoding.h"
#include "domain/naming.h"
#include "kube/core/resource.h"
#include "provisioner/desired/metadata.h"

namespace tp::provisioner {

std::string token_secret_name(const domain::TeamProvisioning& team) {
  const std::string& chosen = domain::platform_of(team.spec).token.secret_name;
  return chosen.empty() ? domain::names_for(team.spec.org_id, team.spec.team_node_id).token : chosen;
}

nlohmann::json build_token_secret(const domain::TeamProvisioning& team,
                                  const std::string& name,
                                  const std::string& token_id,
                                  std::string_view token) {
  nlohmann::json labels = team_labels(team);
  labels[std::string{kAppLabel}] = "team-token";
  nlohmann::json object = owned_skeleton(team, kube::kSecrets, name, std::move(labels));
  object["metadata"]["annotations"][std::string{kTokenIdAnnotation}] = token_id;
  object["type"] = kTokenSecretType;
  object["data"] = {{kTokenKey, crypto::to_base64(token)}};
  return object;
}

}  // namespace tp::provisioner
