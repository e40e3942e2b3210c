#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <nlohmann/json.hpp>

#include "kube/core/resource.h"
#include "provisioner/desired/build_context.h"
#include "provisioner/desired/desired_state.h"
#include "provisioner/reconcile/observed.h"

namespace tp::provisioner {

// The next actions, as data. Each says what it expects, so that it can never touch a stranger or bring back
// what was deleted: a create that nothing has the name, everything else the uid that was seen.

struct CreateServiceAccount {
  nlohmann::json object;
};

struct ApplyChild {
  Slot slot;
  nlohmann::json object;  // an apply configuration, without the expectation
  std::string uid;        // of the live object; empty: there must be none
  bool adopt = false;     // take over the fields that its former manager set
};

struct DeleteChild {
  Slot slot;
  kube::ObjectKey key;
  std::string uid;
};

// Strips our owner reference, so that the child outlives the team.
struct ReleaseChild {
  Slot slot;
  kube::ObjectKey key;
  std::string uid;
};

// The Secret of a token that is no more, or of a team that goes.
struct DeleteTokenSecret {
  kube::ObjectKey key;
  std::string uid;
};

struct ReleaseTokenSecret {
  kube::ObjectKey key;
  std::string uid;
};

// Adds our owner reference to a Secret that holds the team's token and names no owner: somebody took it off,
// or an earlier resource of this team has let it go.
struct ClaimTokenSecret {
  kube::ObjectKey key;
  std::string uid;
  nlohmann::json owner;  // the reference
};

struct AddFinalizer {};

struct RemoveFinalizer {};

using Action = std::variant<AddFinalizer,
                            CreateServiceAccount,
                            ApplyChild,
                            DeleteChild,
                            ReleaseChild,
                            DeleteTokenSecret,
                            ReleaseTokenSecret,
                            ClaimTokenSecret,
                            RemoveFinalizer>;

// Why nothing can be done until somebody changes something.
struct Stall {
  std::string reason;
  std::string message;

  friend bool operator==(const Stall&, const Stall&) = default;
};

struct Plan {
  std::vector<Action> actions{};
  std::vector<Stall> stalls{};  // worst first
  bool write_status = true;     // false while suspended or deleting
  std::array<bool, kSlotCount> wanted{};
  std::vector<Slot> terminating{};  // wanted, but its predecessor is still being deleted
  // The dedicated runtime is to go, and waits until the Config Service does not name it any more.
  bool withdrawing = false;
  // Where the agent serves, for its URL.
  std::int64_t agent_port = 0;
  // What the status is to say of the release; nothing: what it says now.
  std::optional<domain::ReleaseStatus> release{};
  bool again = false;  // the status has to be written first, and then this team is looked at again
  // The steps in the services around the cluster are to be done, and the one in the AI pipeline too.
  bool platform = false;
  bool bootstrap = false;

  [[nodiscard]] bool wants(Slot slot) const { return wanted.at(static_cast<std::size_t>(slot)); }
};

// PURE. Same input, same plan; an empty list of actions when the world is as it should be.
[[nodiscard]] Plan make_plan(const Observed& observed, const BuildContext& build);

// "apply Deployment incidentfox/agent-dedicated-acme-payments (create)": for people and logs.
[[nodiscard]] std::string describe(const Action& action);

// Of an apply configuration.
[[nodiscard]] kube::ObjectKey key_of(const nlohmann::json& object);

// Of the object that it changes.
[[nodiscard]] std::string_view kind_of(const Action& action);

}  // namespace tp::provisioner
