#include "provisioner/app/plan_command.h"

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "domain/manifest.h"
#include "domain/parse_team.h"
#include "domain/yaml_text.h"
#include "json/parse.h"
#include "provisioner/desired/policy.h"
#include "provisioner/reconcile/plan.h"
#include "provisioner/reconcile/release_rules.h"

namespace tp::provisioner {
namespace {

using Json = nlohmann::json;

// Stands where the API server would put the team's uid.
constexpr std::string_view kUnknownUid = "<uid of the TeamProvisioning>";

struct Objects {
  std::vector<Json> all;

  // A team that exists only in a file has nothing to take away.
  template <class Action>
  void operator()(const Action& /*action*/) {}
  void operator()(const CreateServiceAccount& action) { all.push_back(action.object); }
  void operator()(const ApplyChild& action) { all.push_back(action.object); }
};

using ReleasesByName = std::map<std::string, ReleasePointer>;

bool is_release(const domain::Manifest& manifest) {
  return manifest.value.is_object() && manifest.value.value("kind", "") == domain::kAgentReleases.kind;
}

Result<domain::AgentRelease> read_release(const domain::Manifest& manifest) {
  json::Document document;
  TP_TRY(document.parse(json::dump(manifest.value)));
  return domain::parse_release(document.root(), true);
}

// What is wrong with the manifests of a file, a line each.
class Problems {
 public:
  explicit Problems(const std::string& file) : file_(file) {}

  void add(const kube::ObjectKey& key, const std::vector<domain::FieldError>& errors) {
    for (const domain::FieldError& error : errors) {
      text_ +=
          (text_.empty() ? "" : "\n") + file_ + ": " + key.str() + ": " + error.path + ": " + error.message;
    }
  }
  // Of one that cannot be read at all, which ends everything.
  [[nodiscard]] Error unreadable(Error error, const domain::Manifest& manifest) const {
    return std::move(error).wrap(file_ + ": line " + std::to_string(manifest.line));
  }
  [[nodiscard]] const std::string& text() const noexcept { return text_; }

 private:
  const std::string& file_;
  std::string text_;
};

Result<ReleasesByName> read_releases(const std::vector<domain::Manifest>& manifests, Problems& problems) {
  ReleasesByName releases;
  for (const domain::Manifest& manifest : manifests) {
    if (!is_release(manifest)) continue;
    auto release = read_release(manifest);
    if (!release) return problems.unreadable(std::move(release).error(), manifest);
    problems.add(release->meta.key, release->errors);
    const std::string name = release->meta.key.name;
    releases[name] = std::make_shared<const domain::AgentRelease>(*std::move(release));
  }
  return releases;
}

Observed observe(Team team, const ReleasesByName& releases) {
  const auto find = [&](const std::string& name) {
    const auto found = releases.find(name);
    return found == releases.end() ? nullptr : found->second;
  };
  ReleasePointer marked;
  for (const auto& [name, release] : releases) {
    if (release->marked_default && (!marked || newer(*release, *marked))) marked = release;
  }
  Observed observed{std::make_shared<const Team>(std::move(team))};
  observed.releases = releases_for(*observed.team, find, marked);
  return observed;
}

Result<domain::ParsedTeam> read_team(const domain::Manifest& manifest, const std::string& default_namespace) {
  json::Document document;
  TP_TRY(document.parse(json::dump(manifest.value)));
  TP_ASSIGN_OR_RETURN(domain::ParsedTeam parsed, domain::parse_team(document.root(), true));
  if (parsed.team.meta.key.ns.empty()) parsed.team.meta.key.ns = default_namespace;
  parsed.team.meta.uid = kUnknownUid;
  return parsed;
}

std::string render(const domain::TeamProvisioning& team, const Plan& plan) {
  std::string text = "# TeamProvisioning " + team.meta.key.str() + "\n";
  for (const Stall& stall : plan.stalls)
    text += "# cannot go on: " + stall.reason + ": " + stall.message + "\n";
  Objects objects;
  for (const Action& action : plan.actions) {
    text += "# " + describe(action) + "\n";
    std::visit(objects, action);
  }
  for (const Json& object : objects.all) text += "---\n" + domain::to_yaml(object);
  return text;
}

}  // namespace

Result<std::string> plan_file(const PlanOptions& options) {
  TP_ASSIGN_OR_RETURN(const std::vector<domain::Manifest> manifests, domain::load_manifests(options.file));
  Problems problems{options.file};
  TP_ASSIGN_OR_RETURN(const ReleasesByName releases, read_releases(manifests, problems));
  std::string text;
  for (const domain::Manifest& manifest : manifests) {
    if (is_release(manifest)) continue;
    auto parsed = read_team(manifest, options.ns);
    if (!parsed) return problems.unreadable(std::move(parsed).error(), manifest);
    auto errors = parsed->errors;
    const auto policy = check_policy(parsed->team, options.build);
    errors.insert(errors.end(), policy.begin(), policy.end());
    problems.add(parsed->team.meta.key, errors);
    if (!errors.empty()) continue;
    const Observed observed = observe(Team{std::move(parsed->team), {}}, releases);
    text += (text.empty() ? "" : "---\n") + render(*observed.team, make_plan(observed, options.build));
  }
  if (!problems.text().empty()) return Error{ErrorCode::InvalidArgument, problems.text()};
  if (manifests.empty() || (text.empty() && releases.empty()))
    return Error{ErrorCode::InvalidArgument, options.file + ": holds no TeamProvisioning"};
  return text;
}

}  // namespace tp::provisioner
