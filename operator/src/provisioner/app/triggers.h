#pragma once

#include <functional>

#include "kube/runtime/work_queue.h"
#include "provisioner/app/initial_sync.h"
#include "provisioner/reconcile/caches.h"

namespace tp::provisioner {

// What a change in the cluster makes us look at: from the events of the caches to keys in the queue. What the
// first listings bring is a resync of everything, and of low priority; what comes after them is news.
class Triggers {
 public:
  // References must outlive this. `routing`: teams compete for routing identifiers.
  Triggers(Caches& caches, kube::WorkQueue& queue, const InitialSync& sync, bool routing)
      : caches_(caches), queue_(queue), sync_(sync), routing_(routing) {}

  // Before any watch starts. `recount` is called whenever more or fewer teams may run, or are to run, some
  // AgentRelease.
  void subscribe(std::function<void()> recount);

 private:
  using AccountPointer = kube::Store<Account>::Pointer;

  void team_changed(const TeamPointer& before, const TeamPointer& after);
  void routing_changed(const TeamPointer& before, const TeamPointer& after);
  void child_changed(const ChildPointer& before, const ChildPointer& after);
  void release_changed(const ReleasePointer& before, const ReleasePointer& after);
  void account_gone(const Account& account);
  void token_changed(const HeldTokenPointer& before, const HeldTokenPointer& after);
  void enqueue(const Team& team);

  Caches& caches_;
  kube::WorkQueue& queue_;
  const InitialSync& sync_;
  const bool routing_;
  std::function<void()> recount_;
};

}  // namespace tp::provisioner
