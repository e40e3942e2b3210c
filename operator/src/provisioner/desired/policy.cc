#include "provisioner/desired/policy.h"

#include <algorithm>
#include <utility>

namespace tp::provisioner {
namespace {

using Names = std::vector<std::string>;

std::string joined(const Names& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

// Below means at a slash: registry.example.com does not let in registry.example.com.evil.net, or another
// port.
bool is_below(std::string_view image, std::string_view registry) {
  return image.size() > registry.size() && image.substr(0, registry.size()) == registry &&
         image[registry.size()] == '/';
}

class Judge {
 public:
  explicit Judge(const BuildContext& build) : build_{build} {}

  void name(std::string_view path, const std::string& value, const Names& reserved) {
    if (std::find(reserved.begin(), reserved.end(), value) == reserved.end()) return;
    errors_.push_back(
        {std::string{path}, "\"" + value + "\" is reserved; reserved are: " + joined(reserved)});
  }

  void image(std::string_view path, const std::string& image) {
    const Names& allowed = build_.allowed_image_registries;
    if (image.empty() || allowed.empty()) return;
    const std::string full = with_registry(image);
    const auto holds = [&](const std::string& registry) { return is_below(full, registry); };
    if (std::any_of(allowed.begin(), allowed.end(), holds)) return;
    errors_.push_back(
        {std::string{path},
         "the image \"" + image +
             "\" is not in a registry that the platform allows; allowed are: " + joined(allowed)});
  }

  void secret(std::string_view path, const std::string& secret) {
    if (secret.empty() || build_.allows_secret(secret)) return;
    errors_.push_back({std::string{path}, "the platform does not let teams read the Secret \"" + secret +
                                              "\"; it lists those allowed with --agent-secrets"});
  }

  [[nodiscard]] std::vector<domain::FieldError> errors() && { return std::move(errors_); }

 private:
  const BuildContext& build_;
  std::vector<domain::FieldError> errors_;
};

}  // namespace

std::string with_registry(std::string_view image) {
  const std::string_view first = image.substr(0, image.find('/'));
  const bool is_host = first.size() < image.size() &&
                       (first == "localhost" || first.find_first_of(".:") != std::string_view::npos ||
                        std::any_of(first.begin(), first.end(), [](char c) { return c >= 'A' && c <= 'Z'; }));
  if (is_host) return std::string{image};
  return (first.size() < image.size() ? "docker.io/" : "docker.io/library/") + std::string{image};
}

std::vector<domain::FieldError> check_policy(const domain::TeamProvisioning& team,
                                             const BuildContext& build) {
  Judge judge{build};
  judge.name("metadata.namespace", team.meta.key.ns, build.reserved_namespaces);
  judge.name("spec.orgId", team.spec.org_id, build.reserved_org_ids);
  judge.name("spec.teamNodeId", team.spec.team_node_id, build.reserved_team_node_ids);
  if (team.spec.pipeline) judge.image("spec.pipeline.image", team.spec.pipeline->image);
  if (const auto& discovery = team.spec.dependency_discovery)
    judge.image("spec.dependencyDiscovery.image", discovery->image);
  if (team.spec.dedicated) {
    judge.image("spec.runtime.dedicated.image", team.spec.dedicated->image);
    const auto& env = team.spec.dedicated->env;
    for (std::size_t i = 0; i < env.size(); ++i) {
      judge.secret("spec.runtime.dedicated.env[" + std::to_string(i) + "].valueFrom.secretKeyRef.name",
                   env[i].secret_name);
    }
  }
  if (const auto& governance = domain::platform_of(team.spec).governance)
    judge.secret("spec.governance.auditSink.secretName", governance->audit_sink_secret);
  return std::move(judge).errors();
}

}  // namespace tp::provisioner
