#pragma once

#include <array>
#include <memory>
#include <string>
#include <vector>

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

// The operator's whole view of the cluster: one store for each watched kind. Thread-safe.
class Caches {
 public:
  Caches();

  [[nodiscard]] kube::Store<Team>& teams() { return teams_; }
  [[nodiscard]] kube::Store<Child>& children(const kube::ResourceType& type);  // one of kOwnedKinds
  [[nodiscard]] kube::Store<Account>& accounts() { return accounts_; }

  // What is known about a team now; nothing when the resource does not exist.
  [[nodiscard]] std::optional<Observed> observe(const kube::ObjectKey& key, const BuildContext& build) const;

  // The resources for the same organisation and team, in whatever namespace; itself included.
  [[nodiscard]] std::vector<TeamPointer> namesakes(const domain::TeamProvisioning& team) const;
  // The resources whose children carry these labels.
  [[nodiscard]] std::vector<TeamPointer> owners_of(const Child& child) const;

 private:
  kube::Store<Team> teams_;
  std::array<std::unique_ptr<kube::Store<Child>>, kOwnedKinds.size()> children_;
  kube::Store<Account> accounts_;
};

}  // namespace tp::provisioner
