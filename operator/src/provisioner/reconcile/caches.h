#pragma once

#include <array>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "kube/core/request.h"
#include "kube/runtime/store.h"
#include "provisioner/desired/build_context.h"
#include "provisioner/desired/owned_kinds.h"
#include "provisioner/reconcile/observed.h"

namespace tp::provisioner {

// A ServiceAccount, of which only the existence counts.
struct Account {
  kube::ObjectMeta meta;

  friend bool operator==(const Account&, const Account&) = default;
};

// The operator's whole view of the cluster: a store for each watch. One set of watches for the whole cluster,
// or one for each namespace that is named. Thread-safe once set up.
class Caches {
 public:
  // `namespaces`: those to serve; none means all. The accounts are the three of `build`.
  // `team_selector`: of the labels of the teams to serve; empty means all.
  Caches(const std::vector<std::string>& namespaces,
         const BuildContext& build,
         std::string team_selector = {});

  using OnTeam = kube::Store<Team>::Listener;
  using OnChild = kube::Store<Child>::Listener;
  using OnAccount = kube::Store<Account>::Listener;
  using OnToken = kube::Store<HeldToken>::Listener;
  using OnRelease = kube::Store<domain::AgentRelease>::Listener;
  // Before any watch starts. They hear of every change but those that came with our own writes.
  void subscribe(const OnTeam& on_team,
                 const OnChild& on_child,
                 const OnAccount& on_account,
                 const OnToken& on_token,
                 const OnRelease& on_release);

  // One more who hears of teams.
  void subscribe_teams(const OnTeam& on_team);

  // Every watch and what it feeds: what a reflector needs. `on_synced` is called by each when its first
  // listing is complete.
  struct Watch {
    kube::Selection selection;
    kube::Collection& collection;
    std::function<bool()> synced;
    std::function<std::size_t()> size;
  };
  [[nodiscard]] std::vector<Watch> watches(const std::function<void()>& on_synced);

  // The stores that an object of that namespace is filed in.
  [[nodiscard]] kube::Store<Team>& teams(const std::string& ns);
  [[nodiscard]] kube::Store<Child>& children(const kube::ResourceType& type,
                                             const std::string& ns);  // of kOwnedKinds
  [[nodiscard]] kube::Store<Account>& account(const std::string& name, const std::string& ns);

  [[nodiscard]] kube::Store<HeldToken>& tokens(const std::string& ns);
  [[nodiscard]] kube::Store<domain::AgentRelease>& releases() { return releases_; }

  // What is known about a team now; nothing when the resource does not exist.
  [[nodiscard]] std::optional<Observed> observe(const kube::ObjectKey& key) const;
  // belongs_to(), and more for a legacy Service: its labels may fit two teams, and it holds no raw ids. Then
  // it goes with the Deployment of its name, where there is one.
  [[nodiscard]] bool belongs(const Child& child, const domain::TeamProvisioning& team) const;
  // Controlled by this resource; or by nothing, with the team's labels: what an earlier one has let go.
  [[nodiscard]] static bool belongs(const HeldToken& held, const domain::TeamProvisioning& team);
  // The resources for the same organisation and team, in whatever namespace; itself included.
  [[nodiscard]] std::vector<TeamPointer> namesakes(const domain::TeamProvisioning& team) const;
  // The other teams, whatever their age, that ask for an identifier that this one asks for.
  [[nodiscard]] std::vector<TeamPointer> rivals(const domain::TeamProvisioning& team) const;
  // The resources whose children carry these labels.
  [[nodiscard]] std::vector<TeamPointer> owners_of(const Child& child) const;
  [[nodiscard]] std::vector<TeamPointer> owners_of(const HeldToken& held) const;
  [[nodiscard]] std::size_t team_count() const;
  // Every team of a namespace.
  [[nodiscard]] std::vector<TeamPointer> teams_in(const std::string& ns) const;
  // Every team.
  [[nodiscard]] std::vector<TeamPointer> all_teams() const;

  // The release that teams follow which name none: the newest of those that are marked; null without one.
  [[nodiscard]] ReleasePointer default_release() const;
  // The teams that a release concerns in one of these ways.
  enum class ReleaseUse : std::uint8_t { Named, Active, Progressing, Failed };
  [[nodiscard]] std::vector<TeamPointer> teams_with(ReleaseUse use, const std::string& release) const;

 private:
  // What is watched together.
  struct Partition {
    explicit Partition(std::string watched_namespace, const std::vector<std::string>& account_names);

    std::string ns;  // empty: all
    kube::Store<Team> teams;
    std::array<std::unique_ptr<kube::Store<Child>>, kOwnedKinds.size()> children;
    std::map<std::string, std::unique_ptr<kube::Store<Account>>> accounts;  // by name
    kube::Store<HeldToken> tokens;
  };
  [[nodiscard]] Partition& partition_of(const std::string& ns) const;
  // The oldest of the resources for this team that are older than this one; null when there is none.
  [[nodiscard]] TeamPointer owner_of(const Team& team) const;
  [[nodiscard]] std::vector<ChildPointer> children_of(const Team& team) const;
  [[nodiscard]] std::vector<HeldTokenPointer> token_secrets_of(const Team& team) const;
  [[nodiscard]] Contested contested_by(const Team& team) const;
  [[nodiscard]] Releases releases_of(const Team& team) const;

  const bool platform_;  // the operator issues tokens, so Secrets are watched
  const std::string team_selector_;
  const bool with_releases_;
  std::vector<std::unique_ptr<Partition>> partitions_;
  kube::Store<domain::AgentRelease> releases_;
};

}  // namespace tp::provisioner
