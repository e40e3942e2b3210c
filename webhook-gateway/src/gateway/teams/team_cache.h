#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "domain/team_provisioning.h"
#include "gateway/platform/team.h"
#include "kube/core/request.h"
#include "kube/runtime/store.h"

namespace tp::gateway {

using TeamResource = domain::TeamProvisioning;
using TeamResourcePointer = std::shared_ptr<const TeamResource>;

[[nodiscard]] TeamRef team_of(const TeamResource& resource);

// The TeamProvisionings that the platform has, as the watch shows them and as our own writes left them.
// Thread-safe.
class TeamCache {
 public:
  using Listener = kube::Store<TeamResource>::Listener;

  // Namespaces in which teams may have their resources; none: all.
  explicit TeamCache(const std::vector<std::string>& namespaces);
  ~TeamCache();
  TeamCache(const TeamCache&) = delete;
  TeamCache& operator=(const TeamCache&) = delete;

  // Before any reflector starts. A listener is called as kube::Store says.
  void subscribe(const Listener& listener);
  // Called after each full listing, on the reflector's thread.
  void on_listed(std::function<void()> callback);

  // What reflectors are to keep up to date.
  struct Watch {
    kube::Selection selection;
    kube::Collection& collection;
  };
  [[nodiscard]] std::vector<Watch> watches();

  // Whether resources there are seen. True for an unknown one (empty).
  [[nodiscard]] bool watches_namespace(const std::string& ns) const;

  // True once every namespace has been listed.
  [[nodiscard]] bool synced() const;
  // The oldest resource of the team, whatever its name and namespace: the one that counts. Null when there is
  // none.
  [[nodiscard]] TeamResourcePointer find(const TeamRef& team) const;
  // The one of that name and uid; null when there is none.
  [[nodiscard]] TeamResourcePointer get(const kube::ObjectKey& key, std::string_view uid) const;
  // The oldest resource of another team that claims the channel, and is not being deleted.
  [[nodiscard]] TeamResourcePointer channel_owner(const std::string& channel, const TeamRef& but) const;
  // All teams' own resources, each the oldest of its team.
  [[nodiscard]] std::vector<TeamResourcePointer> all() const;

  // Reads the server's answer to a write of ours, puts it in, and returns it as it was answered.
  Result<TeamResourcePointer> observe_write(const std::string& object);
  void observe_delete(const TeamResource& resource);

 private:
  using Store = kube::Store<TeamResource>;
  struct Partition;

  [[nodiscard]] Partition& partition_of(const std::string& ns) const;
  [[nodiscard]] std::vector<TeamResourcePointer> indexed(const std::string& key) const;

  std::vector<std::unique_ptr<Partition>> partitions_;
  std::function<void()> listed_;
};

}  // namespace tp::gateway
