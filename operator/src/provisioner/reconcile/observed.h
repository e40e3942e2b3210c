#pragma once

#include <memory>
#include <string>
#include <vector>

#include "domain/parse_team.h"
#include "domain/team_provisioning.h"
#include "provisioner/platform/config_document.h"
#include "provisioner/reconcile/child.h"
#include "provisioner/reconcile/held_token.h"

namespace tp::provisioner {

// A team as the cache keeps it: what was read, and what is wrong with it.
struct Team : domain::TeamProvisioning {
  std::vector<domain::FieldError> errors;

  friend bool operator==(const Team& a, const Team& b) {
    return static_cast<const domain::TeamProvisioning&>(a) ==
               static_cast<const domain::TeamProvisioning&>(b) &&
           a.errors == b.errors;
  }
};

using TeamPointer = std::shared_ptr<const Team>;
using ChildPointer = std::shared_ptr<const Child>;

// Everything that one decision needs, as a value: taken from the caches at one moment, without any request.
struct Observed {
  TeamPointer team;
  TeamPointer owner{};                   // the older resource for the same org and team; null: this one is it
  std::vector<ChildPointer> children{};  // that belong to this team, in no particular order
  std::vector<std::string> service_accounts{};    // those of the platform that exist in the team's namespace
  std::vector<HeldTokenPointer> token_secrets{};  // that belong to this team, in no particular order
  Contested contested{};                          // identifiers that it asks for and an older team has

  // The Secret of that name; null when there is none.
  [[nodiscard]] const HeldToken* token_secret(const std::string& name) const;
};

// Whether a live object with matching labels belongs to the team. The labels of our own objects are injective
// in the ids; those of the legacy service are not, and the raw ids (or, for a Service, its name) must agree.
[[nodiscard]] bool belongs_to(const Child& child, const domain::TeamProvisioning& team);

// The keys (owner_key) under which the children of a team may be filed: by our labels, and by the legacy ones
// if they differ.
[[nodiscard]] std::vector<std::string> owner_keys(const domain::TeamProvisioning& team);

// A number that changes whenever anything observed does: equal numbers, equal decisions.
[[nodiscard]] std::uint64_t version_of(const Observed& observed);

}  // namespace tp::provisioner
