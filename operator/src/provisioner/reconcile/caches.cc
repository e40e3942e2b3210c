#include "provisioner/reconcile/caches.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <set>
#include <string_view>
#include <utility>

#include "domain/naming.h"
#include "provisioner/desired/metadata.h"
#include "provisioner/desired/token_secret.h"
#include "provisioner/reconcile/release_rules.h"

namespace tp::provisioner {
namespace {

// Ids never contain a line feed, and owner keys have two slashes.
std::string identity_key(const domain::TeamProvisioning& team) {
  return team.spec.org_id + "\n" + team.spec.team_node_id;
}

// Claims begin with a line feed, which no id has.
std::string claim_key(std::size_t kind, const std::string& identifier) {
  return "\n" + std::to_string(kind) + "\n" + identifier;
}

// As claims, with a word where those have a number.
std::string use_key(Caches::ReleaseUse use, const std::string& release) {
  constexpr std::array<std::string_view, 4> kWords{"named", "active", "progressing", "failed"};
  return "\n" + std::string{kWords.at(static_cast<std::size_t>(use))} + "\n" + release;
}

void add_release_uses(const Team& team, std::vector<std::string>& keys) {
  using Use = Caches::ReleaseUse;
  if (!team.spec.release.empty()) keys.push_back(use_key(Use::Named, team.spec.release));
  const domain::ReleaseStatus& release = domain::release_of(team.status);
  if (!release.active.empty()) keys.push_back(use_key(Use::Active, release.active));
  if (release.phase == domain::ReleasePhase::Progressing)
    keys.push_back(use_key(Use::Progressing, release.active));
  if (release.phase == domain::ReleasePhase::RolledBack) keys.push_back(use_key(Use::Failed, release.failed));
}

template <class F>
void each_claim(const domain::TeamProvisioning& team, F&& f) {
  const domain::Routing& routing = domain::platform_of(team.spec).routing;
  for (std::size_t kind = 0; kind < routing.size(); ++kind) {
    if (!routing.at(kind)) continue;
    for (const std::string& identifier : *routing.at(kind)) f(kind, identifier);
  }
}

Result<Team> project_team(json::View object) {
  TP_ASSIGN_OR_RETURN(domain::ParsedTeam parsed, domain::parse_team(object));
  return Team{std::move(parsed.team), std::move(parsed.errors)};
}

std::vector<std::string> index_team(const Team& team) {
  std::vector<std::string> keys = owner_keys(team);
  keys.push_back(identity_key(team));
  each_claim(team, [&](std::size_t kind, const std::string& id) { keys.push_back(claim_key(kind, id)); });
  add_release_uses(team, keys);
  return keys;
}

std::vector<std::string> index_child(const Child& child) {
  return {owner_key(child.meta.key.ns, child.org_label, child.team_label)};
}

Result<Account> project_account(json::View object) {
  return kube::read_meta(object).transform([](kube::ObjectMeta meta) { return Account{std::move(meta)}; });
}

std::vector<std::string> index_token(const HeldToken& held) { return {held.meta.controller_uid}; }

// All children carry this label, those of the legacy service too.
std::string children_selector() { return std::string{kOrgKey}; }

}  // namespace

Caches::Partition::Partition(std::string watched_namespace, const std::vector<std::string>& account_names)
    : ns(std::move(watched_namespace)),
      teams(project_team, index_team),
      tokens(project_held_token, index_token) {
  for (std::size_t i = 0; i < kOwnedKinds.size(); ++i) {
    const kube::ResourceType type = kOwnedKinds.at(i);
    children.at(i) = std::make_unique<kube::Store<Child>>(
        [type](json::View object) { return project_child(type, object); }, index_child);
  }
  for (const std::string& name : account_names)
    accounts[name] = std::make_unique<kube::Store<Account>>(project_account);
}

Caches::Caches(const std::vector<std::string>& namespaces,
               const BuildContext& build,
               std::string team_selector)
    : platform_(build.platform),
      team_selector_(std::move(team_selector)),
      with_releases_(build.releases),
      releases_([](json::View object) { return domain::parse_release(object); }) {
  const std::set<std::string> accounts{build.agent_service_account, build.pipeline_service_account,
                                       build.discovery_service_account};
  const std::vector<std::string> names{accounts.begin(), accounts.end()};
  const std::set<std::string> distinct{namespaces.begin(), namespaces.end()};
  if (distinct.empty()) partitions_.push_back(std::make_unique<Partition>("", names));
  for (const std::string& ns : distinct) partitions_.push_back(std::make_unique<Partition>(ns, names));
}

void Caches::subscribe(const OnTeam& on_team,
                       const OnChild& on_child,
                       const OnAccount& on_account,
                       const OnToken& on_token,
                       const OnRelease& on_release) {
  releases_.subscribe(on_release);
  for (const auto& partition : partitions_) {
    partition->teams.subscribe(on_team);
    for (const auto& store : partition->children) store->subscribe(on_child);
    for (const auto& [name, store] : partition->accounts) store->subscribe(on_account);
    partition->tokens.subscribe(on_token);
  }
}

void Caches::subscribe_teams(const OnTeam& on_team) {
  for (const auto& partition : partitions_) partition->teams.subscribe(on_team);
}

std::vector<Caches::Watch> Caches::watches(const std::function<void()>& on_synced) {
  std::vector<Watch> result;
  const auto add = [&](kube::Selection selection, auto& store) {
    store.on_synced(on_synced);
    result.push_back({std::move(selection), store, [&store] { return store.synced(); },
                      [&store] { return store.size(); }});
  };
  if (with_releases_) add({.type = domain::kAgentReleases}, releases_);
  for (const auto& partition : partitions_) {
    const std::string& ns = partition->ns;
    add({.type = domain::kTeamProvisionings, .ns = ns, .label_selector = team_selector_}, partition->teams);
    for (std::size_t i = 0; i < kOwnedKinds.size(); ++i) {
      add({.type = kOwnedKinds.at(i), .ns = ns, .label_selector = children_selector()},
          *partition->children.at(i));
    }
    for (const auto& [name, store] : partition->accounts) {
      // One name, not all ServiceAccounts of the cluster: an administrator's own account of that name counts
      // too.
      add({.type = kube::kServiceAccounts,
           .ns = ns,
           .field_selector = "metadata.name=" + name,
           .representation = kube::Representation::MetadataOnly},
          *store);
    }
    if (platform_) {
      add({.type = kube::kSecrets,
           .ns = ns,
           .label_selector = children_selector(),
           .field_selector = "type=" + std::string{kTokenSecretType},
           .representation = kube::Representation::MetadataOnly},
          partition->tokens);
    }
  }
  return result;
}

Caches::Partition& Caches::partition_of(const std::string& ns) const {
  const auto found = std::find_if(partitions_.begin(), partitions_.end(), [&](const auto& partition) {
    return partition->ns.empty() || partition->ns == ns;
  });
  return found == partitions_.end() ? *partitions_.front() : **found;
}

kube::Store<Team>& Caches::teams(const std::string& ns) { return partition_of(ns).teams; }

kube::Store<Child>& Caches::children(const kube::ResourceType& type, const std::string& ns) {
  const auto* const found = std::find(kOwnedKinds.begin(), kOwnedKinds.end(), type);
  return *partition_of(ns).children.at(static_cast<std::size_t>(found - kOwnedKinds.begin()));
}

kube::Store<Account>& Caches::account(const std::string& name, const std::string& ns) {
  return *partition_of(ns).accounts.at(name);
}

kube::Store<HeldToken>& Caches::tokens(const std::string& ns) { return partition_of(ns).tokens; }

std::optional<Observed> Caches::observe(const kube::ObjectKey& key) const {
  const Partition& partition = partition_of(key.ns);
  TeamPointer team = partition.teams.get(key);
  if (!team) return std::nullopt;
  Observed observed{.team = team,
                    .owner = owner_of(*team),
                    .children = children_of(*team),
                    .token_secrets = token_secrets_of(*team),
                    .contested = contested_by(*team),
                    .releases = releases_of(*team)};
  for (const auto& [name, store] : partition.accounts) {
    if (store->get({key.ns, name})) observed.service_accounts.push_back(name);
  }
  return observed;
}

TeamPointer Caches::owner_of(const Team& team) const {
  TeamPointer owner;
  for (TeamPointer& other : namesakes(team)) {
    if (other->meta.uid != team.meta.uid && older(*other, owner ? *owner : team)) owner = std::move(other);
  }
  return owner;
}

std::vector<HeldTokenPointer> Caches::token_secrets_of(const Team& team) const {
  const kube::Store<HeldToken>& store = partition_of(team.meta.key.ns).tokens;
  std::vector<HeldTokenPointer> result = store.find(team.meta.uid);
  const HeldTokenPointer released = store.get({team.meta.key.ns, token_secret_name(team)});
  if (released && released->meta.controller_uid.empty() && belongs(*released, team))
    result.push_back(released);
  return result;
}

bool Caches::belongs(const HeldToken& held, const domain::TeamProvisioning& team) {
  if (!held.meta.controller_uid.empty()) return held.meta.controller_uid == team.meta.uid;
  return held.org_label == domain::label_value(team.spec.org_id) &&
         held.team_label == domain::label_value(team.spec.team_node_id);
}

Contested Caches::contested_by(const Team& team) const {
  Contested contested;
  each_claim(team, [&](std::size_t kind, const std::string& identifier) {
    for (const auto& partition : partitions_) {
      for (const TeamPointer& other : partition->teams.find(claim_key(kind, identifier))) {
        // A duplicate has nothing.
        if (identity_key(*other) == identity_key(team) || !older(*other, team) || owner_of(*other)) continue;
        contested.emplace(std::pair{static_cast<domain::RoutingKind>(kind), identifier},
                          other->meta.key.str());
      }
    }
  });
  return contested;
}

Releases Caches::releases_of(const Team& team) const {
  return releases_for(
      team,
      [this](const std::string& name) {
        return releases_.get({"", name});
      },
      default_release());
}

ReleasePointer Caches::default_release() const {
  ReleasePointer found;
  releases_.each([&](const ReleasePointer& release) {
    if (release->marked_default && !release->meta.deleting && (!found || newer(*release, *found)))
      found = release;
  });
  return found;
}

std::vector<TeamPointer> Caches::teams_with(ReleaseUse use, const std::string& release) const {
  std::vector<TeamPointer> result;
  for (const auto& partition : partitions_) {
    for (TeamPointer& team : partition->teams.find(use_key(use, release))) result.push_back(std::move(team));
  }
  return result;
}

std::vector<TeamPointer> Caches::rivals(const domain::TeamProvisioning& team) const {
  std::vector<TeamPointer> result;
  each_claim(team, [&](std::size_t kind, const std::string& identifier) {
    for (const auto& partition : partitions_) {
      for (TeamPointer& other : partition->teams.find(claim_key(kind, identifier))) {
        if (other->meta.uid != team.meta.uid) result.push_back(std::move(other));
      }
    }
  });
  return result;
}

std::vector<ChildPointer> Caches::children_of(const Team& team) const {
  std::vector<ChildPointer> result;
  for (const std::string& owner : owner_keys(team)) {
    for (const auto& store : partition_of(team.meta.key.ns).children) {
      std::vector<ChildPointer> found = store->find(owner);
      std::copy_if(std::make_move_iterator(found.begin()), std::make_move_iterator(found.end()),
                   std::back_inserter(result),
                   [&](const ChildPointer& child) { return belongs(*child, team); });
    }
  }
  return result;
}

bool Caches::belongs(const Child& child, const domain::TeamProvisioning& team) const {
  if (!belongs_to(child, team)) return false;
  if (child.managed_by != ManagedBy::Legacy || child.slot != Slot::AgentService) return true;
  const auto* const deployments = std::find(kOwnedKinds.begin(), kOwnedKinds.end(), kube::kDeployments);
  const auto& store = partition_of(child.meta.key.ns)
                          .children.at(static_cast<std::size_t>(deployments - kOwnedKinds.begin()));
  const ChildPointer deployment = store->get(child.meta.key);
  return !deployment || belongs_to(*deployment, team);
}

std::vector<TeamPointer> Caches::namesakes(const domain::TeamProvisioning& team) const {
  std::vector<TeamPointer> result;
  for (const auto& partition : partitions_) {
    for (TeamPointer& found : partition->teams.find(identity_key(team))) result.push_back(std::move(found));
  }
  return result;
}

std::vector<TeamPointer> Caches::owners_of(const Child& child) const {
  return partition_of(child.meta.key.ns)
      .teams.find(owner_key(child.meta.key.ns, child.org_label, child.team_label));
}

std::vector<TeamPointer> Caches::owners_of(const HeldToken& held) const {
  return partition_of(held.meta.key.ns)
      .teams.find(owner_key(held.meta.key.ns, held.org_label, held.team_label));
}

std::size_t Caches::team_count() const {
  std::size_t count = 0;
  for (const auto& partition : partitions_) count += partition->teams.size();
  return count;
}

std::vector<TeamPointer> Caches::teams_in(const std::string& ns) const {
  std::vector<TeamPointer> result;
  partition_of(ns).teams.each([&](const TeamPointer& team) {
    if (team->meta.key.ns == ns) result.push_back(team);
  });
  return result;
}

std::vector<TeamPointer> Caches::all_teams() const {
  std::vector<TeamPointer> result;
  for (const auto& partition : partitions_)
    partition->teams.each([&](const TeamPointer& team) { result.push_back(team); });
  return result;
}

}  // namespace tp::provisioner
