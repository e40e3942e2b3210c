#include "gateway/teams/team_cache.h"

#include <algorithm>
#include <set>
#include <utility>

#include "domain/parse_team.h"
#include "json/document.h"

namespace tp::gateway {
namespace {

constexpr auto kSlack = static_cast<std::size_t>(domain::RoutingKind::SlackChannel);

// Ids hold no NUL, so keys of different teams differ; nor do channels.
std::string team_key(const TeamRef& team) {
  return std::string{"t"}.append(team.org_id).append(1, '\0').append(team.team_node_id);
}

std::string channel_key(const std::string& channel) { return "c" + channel; }

const std::optional<std::vector<std::string>>& channels_of(const TeamResource& resource) {
  return domain::platform_of(resource.spec).routing.at(kSlack);
}

std::vector<std::string> index_keys(const TeamResource& resource) {
  std::vector<std::string> keys{team_key(team_of(resource))};
  if (const auto& channels = channels_of(resource)) {
    for (const std::string& channel : *channels) keys.push_back(channel_key(channel));
  }
  return keys;
}

// One that is not valid is there all the same, with what could be read of it.
Result<TeamResource> project(json::View object) {
  TP_ASSIGN_OR_RETURN(domain::ParsedTeam parsed, domain::parse_team(object));
  return std::move(parsed.team);
}

TeamResourcePointer oldest(const std::vector<TeamResourcePointer>& resources) {
  const auto found = std::min_element(resources.begin(), resources.end(),
                                      [](const auto& a, const auto& b) { return older(*a, *b); });
  return found == resources.end() ? nullptr : *found;
}

}  // namespace

TeamRef team_of(const TeamResource& resource) { return {resource.spec.org_id, resource.spec.team_node_id}; }

// A store, and a collection before it that tells of the end of each listing.
struct TeamCache::Partition final : kube::Collection {
  Partition(std::string its_ns, const std::function<void()>& its_listed)
      : ns(std::move(its_ns)), listed(its_listed), store(project, index_keys) {}

  void begin_replace() override { store.begin_replace(); }
  void end_replace(std::string_view resource_version) override {
    store.end_replace(resource_version);
    if (listed) listed();
  }
  Status upsert(json::View object) override { return store.upsert(object); }
  Status remove(json::View object) override { return store.remove(object); }
  void progress(std::string_view resource_version) override { store.progress(resource_version); }

  const std::string ns;
  const std::function<void()>& listed;
  Store store;
};

TeamCache::TeamCache(const std::vector<std::string>& namespaces) {
  for (const std::string& ns : namespaces) partitions_.push_back(std::make_unique<Partition>(ns, listed_));
  if (partitions_.empty()) partitions_.push_back(std::make_unique<Partition>("", listed_));
}

TeamCache::~TeamCache() = default;

void TeamCache::subscribe(const Listener& listener) {
  for (const auto& partition : partitions_) partition->store.subscribe(listener);
}

void TeamCache::on_listed(std::function<void()> callback) { listed_ = std::move(callback); }

std::vector<TeamCache::Watch> TeamCache::watches() {
  std::vector<Watch> watches;
  for (const auto& partition : partitions_)
    watches.push_back({{.type = domain::kTeamProvisionings, .ns = partition->ns}, *partition});
  return watches;
}

bool TeamCache::watches_namespace(const std::string& ns) const {
  return ns.empty() || std::any_of(partitions_.begin(), partitions_.end(), [&](const auto& partition) {
           return partition->ns.empty() || partition->ns == ns;
         });
}

bool TeamCache::synced() const {
  return std::all_of(partitions_.begin(), partitions_.end(),
                     [](const auto& partition) { return partition->store.synced(); });
}

TeamResourcePointer TeamCache::find(const TeamRef& team) const { return oldest(indexed(team_key(team))); }

TeamResourcePointer TeamCache::get(const kube::ObjectKey& key, std::string_view uid) const {
  TeamResourcePointer found = partition_of(key.ns).store.get(key);
  return found && found->meta.uid == uid ? found : nullptr;
}

TeamResourcePointer TeamCache::channel_owner(const std::string& channel, const TeamRef& but) const {
  std::vector<TeamResourcePointer> others = indexed(channel_key(channel));
  std::erase_if(others, [&](const auto& other) { return other->meta.deleting || team_of(*other) == but; });
  return oldest(others);
}

std::vector<TeamResourcePointer> TeamCache::all() const {
  std::set<TeamRef> teams;
  std::vector<TeamResourcePointer> all;
  for (const auto& partition : partitions_) {
    partition->store.each([&](const TeamResourcePointer& resource) {
      const TeamRef team = team_of(*resource);
      if (teams.insert(team).second) all.push_back(find(team));
    });
  }
  std::erase(all, nullptr);  // gone since
  return all;
}

Result<TeamResourcePointer> TeamCache::observe_write(const std::string& object) {
  json::Document document;
  TP_TRY(document.parse(object));
  TP_ASSIGN_OR_RETURN(TeamResource written, project(document.root()));
  TP_TRY(partition_of(written.meta.key.ns).store.observe_write(document.root()));
  return std::make_shared<const TeamResource>(std::move(written));
}

void TeamCache::observe_delete(const TeamResource& resource) {
  partition_of(resource.meta.key.ns).store.observe_delete(resource.meta.key, resource.meta.uid);
}

TeamCache::Partition& TeamCache::partition_of(const std::string& ns) const {
  const auto found = std::find_if(partitions_.begin(), partitions_.end(), [&](const auto& partition) {
    return partition->ns.empty() || partition->ns == ns;
  });
  return found == partitions_.end() ? *partitions_.front() : **found;
}

std::vector<TeamResourcePointer> TeamCache::indexed(const std::string& key) const {
  std::vector<TeamResourcePointer> found;
  for (const auto& partition : partitions_) {
    const auto here = partition->store.find(key);
    found.insert(found.end(), here.begin(), here.end());
  }
  return found;
}

}  // namespace tp::gateway
