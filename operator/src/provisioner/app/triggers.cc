#include "provisioner/app/triggers.h"

namespace tp::provisioner {

void Triggers::subscribe() {
  caches_.subscribe(
      [this](const TeamPointer& before, const TeamPointer& after) { team_changed(before, after); },
      [this](const ChildPointer& before, const ChildPointer& after) { child_changed(before, after); },
      [this](const AccountPointer& before, const AccountPointer& after) {
        if (!after) account_gone(*before);
      },
      [this](const HeldTokenPointer& before, const HeldTokenPointer& after) {
        token_changed(before, after);
      });
}

void Triggers::team_changed(const TeamPointer& before, const TeamPointer& after) {
  const Team& team = after ? *after : *before;
  enqueue(team);
  if (routing_) routing_changed(before, after);
  // Who is the owner of an org and team may have changed hands.
  const bool came_or_went = !before || !after || before->meta.uid != after->meta.uid;
  if (!came_or_went) return;
  for (const TeamPointer& other : caches_.namesakes(team)) {
    if (other->meta.key != team.meta.key) enqueue(*other);
  }
}

// Those who ask for an identifier that was claimed or let go.
void Triggers::routing_changed(const TeamPointer& before, const TeamPointer& after) {
  const bool same = before && after && before->meta.uid == after->meta.uid &&
                    domain::platform_of(before->spec).routing == domain::platform_of(after->spec).routing;
  if (same) return;
  for (const TeamPointer& team : {before, after}) {
    if (!team) continue;
    for (const TeamPointer& rival : caches_.rivals(*team)) enqueue(*rival);
  }
}

// The team that it belonged to, and the one that it belongs to now: its labels may have been changed.
void Triggers::child_changed(const ChildPointer& before, const ChildPointer& after) {
  for (const ChildPointer& child : {before, after}) {
    if (!child) continue;
    for (const TeamPointer& team : caches_.owners_of(*child)) enqueue(*team);
  }
}

void Triggers::account_gone(const Account& account) {
  for (const TeamPointer& team : caches_.teams_in(account.meta.key.ns)) enqueue(*team);
}

void Triggers::token_changed(const HeldTokenPointer& before, const HeldTokenPointer& after) {
  for (const HeldTokenPointer& held : {before, after}) {
    if (!held) continue;
    for (const TeamPointer& team : caches_.owners_of(*held)) enqueue(*team);
  }
}

void Triggers::enqueue(const Team& team) {
  queue_.add(team.meta.key, sync_.complete() ? kube::Priority::Normal : kube::Priority::Low);
}

}  // namespace tp::provisioner
