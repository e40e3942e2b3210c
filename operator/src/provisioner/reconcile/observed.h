#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "domain/agent_release.h"
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

using ReleasePointer = std::shared_ptr<const domain::AgentRelease>;

// The AgentReleases that matter to a team.
struct Releases {
  // The one that it is to run: by name, or as the default. An empty name: none, and that is right.
  std::string wanted{};
  ReleasePointer wanted_release{};
  std::string problem{};  // why there is no such release; empty: there is
  // Those of the status; null where it names none, or one that is gone.
  ReleasePointer active{}, previous{};
  // How long the team has to wait until it may follow the default; nothing: it may now.
  std::optional<std::chrono::milliseconds> turn_in{};
};

// Everything that one decision needs, as a value: taken from the caches at one moment, without any request.
struct Observed {
  TeamPointer team;
  TeamPointer owner{};                   // the older resource for the same org and team; null: this one is it
  std::vector<ChildPointer> children{};  // that belong to this team, in no particular order
  std::vector<std::string> service_accounts{};    // those of the platform that exist in the team's namespace
  std::vector<HeldTokenPointer> token_secrets{};  // that belong to this team, in no particular order
  Contested contested{};                          // identifiers that it asks for and an older team has
  Releases releases{};

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
