#include "provisioner/reconcile/triggers.h"

#include <string>

namespace tp::provisioner {

void Triggers::subscribe() {
  caches_.subscribe(
      [this](const TeamPointer& before, const TeamPointer& after) { team_changed(before, after); },
      [this](const ChildPointer& before, const ChildPointer& after) { child_changed(before, after); },
      [this](const AccountPointer& before, const AccountPointer& after) {
        if (!after) account_gone(*before);
      },
      [this](const HeldTokenPointer& before, const HeldTokenPointer& after) { token_changed(before, after); },
      [this](const ReleasePointer& before, const ReleasePointer& after) { release_changed(before, after); });
}

void Triggers::team_changed(const TeamPointer& before, const TeamPointer& after) {
  const Team& team = after ? *after : *before;
  enqueue(team);
  if (routing_) routing_changed(before, after);
  // Who is the owner of an org and team may have changed hands.
  const bool came_or_went = !before || !after || before->meta.uid != after->meta.uid;
  if (came_or_went || before->spec.release != after->spec.release ||
      domain::release_of(before->status) != domain::release_of(after->status)) {
    recount_();
  }
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

// Those who name it, run it or ran it before; and those who follow the default, if that may be another now.
void Triggers::release_changed(const ReleasePointer& before, const ReleasePointer& after) {
  const bool came_or_went = !before || !after || before->meta.uid != after->meta.uid;
  const bool mark_moved = came_or_went || before->marked_default != after->marked_default ||
                          before->meta.deleting != after->meta.deleting;
  if (!mark_moved) return;
  recount_();
  const std::string& name = (after ? after : before)->meta.key.name;
  for (const TeamPointer& team : caches_.all_teams()) {
    const domain::ReleaseStatus& status = domain::release_of(team->status);
    const bool concerned = team->spec.release.empty() || team->spec.release == name ||
                           status.active == name || status.previous == name;
    if (concerned) enqueue_(team->meta.key, kube::Priority::Low);
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

}  // namespace tp::provisioner
