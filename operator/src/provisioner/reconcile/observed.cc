#include "provisioner/reconcile/observed.h"

#include <algorithm>
#include <functional>
#include <string_view>

#include "domain/naming.h"

namespace tp::provisioner {
namespace {

// splitmix64's finaliser (Steele, Lea, Flood, 2014): every input bit changes half of the output.
std::uint64_t mix(std::uint64_t x) {
  x ^= x >> 30U;
  x *= 0xbf58476d1ce4e5b9ULL;
  x ^= x >> 27U;
  x *= 0x94d049bb133111ebULL;
  return x ^ (x >> 31U);
}

std::uint64_t hash(std::string_view text) { return std::hash<std::string_view>{}(text); }

std::uint64_t identity(const kube::ObjectMeta& meta) {
  return mix(hash(meta.uid) ^ mix(hash(meta.resource_version)));
}

}  // namespace

bool belongs_to(const Child& child, const domain::TeamProvisioning& team) {
  if (child.meta.key.ns != team.meta.key.ns || !child.slot) return false;
  const std::string& org = team.spec.org_id;
  const std::string& node = team.spec.team_node_id;
  switch (child.managed_by) {
    case ManagedBy::Operator:
      return child.org_label == domain::label_value(org) && child.team_label == domain::label_value(node);
    case ManagedBy::Legacy:
      if (child.org_label != domain::legacy_label_value(org) ||
          child.team_label != domain::legacy_label_value(node)) {
        return false;
      }
      if (child.raw_team.empty()) return child.meta.key.name == domain::legacy_names_for(org, node).agent;
      return child.raw_team == node && (child.raw_org.empty() || child.raw_org == org);
    case ManagedBy::Other: return false;
  }
  return false;
}

std::vector<std::string> owner_keys(const domain::TeamProvisioning& team) {
  const std::string& org = team.spec.org_id;
  const std::string& node = team.spec.team_node_id;
  std::vector<std::string> keys{
      owner_key(team.meta.key.ns, domain::label_value(org), domain::label_value(node))};
  std::string legacy =
      owner_key(team.meta.key.ns, domain::legacy_label_value(org), domain::legacy_label_value(node));
  if (legacy != keys.front()) keys.push_back(std::move(legacy));
  return keys;
}

const HeldToken* Observed::token_secret(const std::string& name) const {
  const auto found =
      std::find_if(token_secrets.begin(), token_secrets.end(),
                   [&](const HeldTokenPointer& secret) { return secret->meta.key.name == name; });
  return found == token_secrets.end() ? nullptr : found->get();
}

std::uint64_t version_of(const Observed& observed) {
  std::uint64_t version = identity(observed.team->meta);
  if (observed.owner) version ^= mix(identity(observed.owner->meta) + 1);
  // A sum, since the cache lists children and accounts in no particular order.
  for (const ChildPointer& child : observed.children) version += mix(identity(child->meta) + 2);
  for (const std::string& account : observed.service_accounts) version += mix(hash(account) + 3);
  for (const HeldTokenPointer& secret : observed.token_secrets) version += mix(identity(secret->meta) + 4);
  for (const auto& [claim, holder] : observed.contested)
    version += mix(hash(claim.second) ^ mix(hash(holder) + 5));
  version += mix(hash(observed.releases.wanted + "\n" + observed.releases.problem) + 6);
  for (const ReleasePointer* release :
       {&observed.releases.wanted_release, &observed.releases.active, &observed.releases.previous})
    if (*release) version += mix(hash((*release)->meta.uid) + 7);
  return version;
}

}  // namespace tp::provisioner
