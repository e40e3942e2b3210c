#pragma once

#include <functional>
#include <utility>

#include "kube/core/resource.h"
#include "kube/runtime/work_queue.h"
#include "provisioner/reconcile/caches.h"

namespace tp::provisioner {

// What a change in the cluster makes us look at: from the events of the caches to the keys of teams.
class Triggers {
 public:
  // Low: nobody waits for it.
  using Enqueue = std::function<void(const kube::ObjectKey& team, kube::Priority priority)>;

  // `caches` must outlive this. `routing`: teams compete for routing identifiers. `recount` is called
  // whenever more or fewer teams may run, or are to run, some AgentRelease. Both are called on the caches'
  // threads.
  Triggers(Caches& caches, bool routing, Enqueue enqueue, std::function<void()> recount)
      : caches_(caches), routing_(routing), enqueue_(std::move(enqueue)), recount_(std::move(recount)) {}

  // Before any watch starts.
  void subscribe();

 private:
  using AccountPointer = kube::Store<Account>::Pointer;

  void team_changed(const TeamPointer& before, const TeamPointer& after);
  void routing_changed(const TeamPointer& before, const TeamPointer& after);
  void child_changed(const ChildPointer& before, const ChildPointer& after);
  void release_changed(const ReleasePointer& before, const ReleasePointer& after);
  void account_gone(const Account& account);
  void token_changed(const HeldTokenPointer& before, const HeldTokenPointer& after);
  void enqueue(const Team& team) const { enqueue_(team.meta.key, kube::Priority::Normal); }

  Caches& caches_;
  const bool routing_;
  const Enqueue enqueue_;
  const std::function<void()> recount_;
};

}  // namespace tp::provisioner
