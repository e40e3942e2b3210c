#include "provisioner/commands/permissions.h"

#include <algorithm>
#include <cstddef>

#include <nlohmann/json.hpp>

#include "domain/manifest.h"
#include "kube/leader/lease.h"
#include "provisioner/app/election.h"
#include "provisioner/commands/embedded.h"

namespace tp::provisioner {
namespace {

using Json = nlohmann::json;

constexpr const char* kAbout = "permission";

Result<std::vector<std::string>> texts(const Json& rule, const char* key) {
  std::vector<std::string> found;
  const auto list = rule.is_object() ? rule.find(key) : rule.end();
  if (!rule.is_object() || list == rule.end() || !list->is_array())
    return Error{ErrorCode::InvalidArgument, std::string{"a rule without "} + key};
  for (const Json& text : *list) {
    if (!text.is_string() || text == "*")
      return Error{ErrorCode::InvalidArgument, std::string{"a rule whose "} + key + " cannot be asked about"};
    found.push_back(text.get<std::string>());
  }
  return found;
}

Status add_rule(const Json& rule, const std::string& ns, std::vector<Permission>& permissions) {
  TP_ASSIGN_OR_RETURN(const auto groups, texts(rule, "apiGroups"));
  TP_ASSIGN_OR_RETURN(const auto resources, texts(rule, "resources"));
  TP_ASSIGN_OR_RETURN(const auto verbs, texts(rule, "verbs"));
  if (rule.size() != 3)
    return Error{ErrorCode::InvalidArgument, "a rule with more than groups, resources, verbs"};
  for (const std::string& group : groups) {
    for (const std::string& resource : resources) {
      const std::size_t slash = std::min(resource.find('/'), resource.size());
      const std::string subresource = resource.substr(std::min(slash + 1, resource.size()));
      for (const std::string& verb : verbs)
        permissions.push_back({verb, group, resource.substr(0, slash), subresource, ns});
    }
  }
  return ok();
}

// Empty: there is no such file.
std::string_view text_of(std::string_view name) {
  const auto files = embedded_rules();
  const auto file =
      std::find_if(files.begin(), files.end(), [&](const auto& each) { return each.name == name; });
  return file == files.end() ? std::string_view{} : file->text;
}

// "deployments.apps", as kubectl names it.
std::string what(const Permission& permission) {
  std::string text = permission.resource;
  if (!permission.group.empty()) text += "." + permission.group;
  if (!permission.subresource.empty()) text += "/" + permission.subresource;
  return text;
}

std::string where(const Permission& permission) {
  const std::string name = permission.name.empty() ? "" : " " + permission.name;
  return name + (permission.ns.empty() ? " everywhere" : " in namespace " + permission.ns);
}

bool same_resource(const Permission& a, const Permission& b) {
  return a.group == b.group && a.resource == b.resource && a.subresource == b.subresource && a.ns == b.ns &&
         a.name == b.name;
}

}  // namespace

Result<std::vector<Permission>> permissions_of(std::string_view rules,
                                               const std::vector<std::string>& namespaces) {
  TP_ASSIGN_OR_RETURN(const auto documents, domain::parse_manifests(rules));
  const std::vector<std::string> everywhere{""};
  std::vector<Permission> permissions;
  for (const std::string& ns : namespaces.empty() ? everywhere : namespaces) {
    for (const domain::Manifest& document : documents) {
      for (const Json& rule : document.value) TP_TRY(add_rule(rule, ns, permissions));
    }
  }
  return permissions;
}

Result<std::vector<Permission>> needed_permissions(const RunOptions& options,
                                                   const std::string& own_namespace) {
  struct Rules {
    std::string_view file;
    bool are_needed;
    std::vector<std::string> namespaces;
  };
  const std::vector<Rules> all{
      {"operator-rules.yaml", true, options.watch_namespaces},
      {"operator-platform-rules.yaml", options.build.platform, options.watch_namespaces},
      {"operator-release-rules.yaml", options.build.releases, {}}};
  std::vector<Permission> permissions;
  for (const Rules& rules : all) {
    if (!rules.are_needed) continue;
    auto its = permissions_of(text_of(rules.file), rules.namespaces);
    if (!its) return std::move(its).error().wrap(rules.file);
    permissions.insert(permissions.end(), its->begin(), its->end());
  }
  if (options.leader_elect) {
    // Granted on the one Lease by its name.
    const std::string lease = lease_name(options.watch_namespaces, options.watch_label_selector);
    const std::string& ns = options.leader_election_namespace;
    for (const char* verb : {"get", "create", "patch"}) {
      permissions.push_back({.verb = verb,
                             .group = std::string{kube::kLeases.group},
                             .resource = std::string{kube::kLeases.plural},
                             .ns = ns.empty() ? own_namespace : ns,
                             .name = lease});
    }
  }
  return permissions;
}

std::vector<Check> judge(const std::vector<Answer>& answers) {
  std::vector<Check> checks;
  for (std::size_t i = 0; i < answers.size();) {
    const Permission& first = answers[i].permission;
    std::string granted;
    for (; i < answers.size() && same_resource(answers[i].permission, first); ++i) {
      const std::string& verb = answers[i].permission.verb;
      if (answers[i].allowed) {
        granted += (granted.empty() ? "" : ", ") + verb;
      } else {
        checks.push_back({Verdict::Missing, kAbout, verb + " " + what(first) + where(first)});
      }
    }
    if (!granted.empty()) checks.push_back({Verdict::Ok, kAbout, granted + " " + what(first) + where(first)});
  }
  return checks;
}

}  // namespace tp::provisioner
