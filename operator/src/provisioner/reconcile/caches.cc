#include "provisioner/reconcile/caches.h"

#include <algorithm>
#include <set>
#include <utility>

namespace tp::provisioner {
namespace {

// Ids never contain a line feed, and owner keys have two slashes.
std::string identity_key(const domain::TeamProvisioning& team) {
  return team.spec.org_id + "\n" + team.spec.team_node_id;
}

Result<Team> project_team(json::View object) {
  TP_ASSIGN_OR_RETURN(domain::ParsedTeam parsed, domain::parse_team(object));
  return Team{std::move(parsed.team), std::move(parsed.errors)};
}

std::vector<std::string> index_team(const Team& team) {
  std::vector<std::string> keys = owner_keys(team);
  keys.push_back(identity_key(team));
  return keys;
}

std::vector<std::string> index_child(const Child& child) {
  return {owner_key(child.meta.key.ns, child.org_label, child.team_label)};
}

Result<Account> project_account(json::View object) {
  return kube::read_meta(object).transform([](kube::ObjectMeta meta) { return Account{std::move(meta)}; });
}

}  // namespace

Caches::Caches() : teams_(project_team, index_team), accounts_(project_account) {
  for (std::size_t i = 0; i < kOwnedKinds.size(); ++i) {
    const kube::ResourceType type = kOwnedKinds.at(i);
    children_.at(i) = std::make_unique<kube::Store<Child>>(
        [type](json::View object) { return project_child(type, object); }, index_child);
  }
}

kube::Store<Child>& Caches::children(const kube::ResourceType& type) {
  const auto* const found = std::find(kOwnedKinds.begin(), kOwnedKinds.end(), type);
  return *children_.at(static_cast<std::size_t>(found - kOwnedKinds.begin()));
}

std::optional<Observed> Caches::observe(const kube::ObjectKey& key, const BuildContext& build) const {
  Observed observed{teams_.get(key)};
  if (!observed.team) return std::nullopt;
  const Team& team = *observed.team;
  for (TeamPointer& other : namesakes(team)) {
    if (other->meta.uid == team.meta.uid) continue;
    if (older(*other, observed.owner ? *observed.owner : team)) observed.owner = std::move(other);
  }
  for (const std::string& owner : owner_keys(team)) {
    for (const auto& store : children_) {
      for (ChildPointer& child : store->find(owner)) {
        if (belongs_to(*child, team)) observed.children.push_back(std::move(child));
      }
    }
  }
  const std::set<std::string> accounts{build.agent_service_account, build.pipeline_service_account,
                                       build.discovery_service_account};
  for (const std::string& name : accounts) {
    if (accounts_.get({team.meta.key.ns, name})) observed.service_accounts.push_back(name);
  }
  return observed;
}

std::vector<TeamPointer> Caches::namesakes(const domain::TeamProvisioning& team) const {
  return teams_.find(identity_key(team));
}

std::vector<TeamPointer> Caches::owners_of(const Child& child) const {
  return teams_.find(owner_key(child.meta.key.ns, child.org_label, child.team_label));
}

}  // namespace tp::provisioner
