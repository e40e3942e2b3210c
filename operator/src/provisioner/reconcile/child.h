#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/result.h"
#include "json/document.h"
#include "kube/core/fingerprint.h"
#include "kube/core/object_meta.h"
#include "kube/core/resource.h"
#include "provisioner/desired/owned_kinds.h"

namespace tp::provisioner {

enum class ManagedBy : std::uint8_t {
  Operator,
  Legacy,  // the service that came before; to be adopted
  Other,
};

// How far a Deployment's roll-out is.
struct RolloutState {
  std::int64_t observed_generation = 0;
  std::int64_t wanted = 1;     // spec.replicas
  std::int64_t total = 0;      // of all revisions
  std::int64_t updated = 0;    // of the newest one
  std::int64_t available = 0;  // of all revisions
  bool deadline_exceeded = false;
  // spec.replicas belongs to somebody besides us who keeps it: an autoscaler, `kubectl scale`. A field that
  // belongs to nobody any more falls back to its default.
  bool scaled_by_others = false;
  nlohmann::json
      selector{};  // spec.selector.matchLabels: immutable, so it decides the labels of new pods too

  friend bool operator==(const RolloutState&, const RolloutState&) = default;
};

// What is kept of a live object that belongs to some team. Small: there is one for each child of each team.
struct Child {
  kube::ObjectMeta meta;
  std::optional<Slot> slot;  // nothing: of a kind that we own, but not one of ours
  ManagedBy managed_by = ManagedBy::Other;
  bool foreign_controller = false;  // controlled by something that is not a TeamProvisioning
  std::string org_label, team_label;
  std::string raw_org,
      raw_team;  // from the container's environment, for objects of the legacy service; may be empty
  std::optional<kube::Fingerprint> owned;       // of the fields that we applied; nothing if we never did
  std::shared_ptr<const RolloutState> rollout;  // Deployments only

  friend bool operator==(const Child& a, const Child& b);
};

// Reads a live object of an owned kind.
[[nodiscard]] Result<Child> project_child(const kube::ResourceType& type, json::View object);

// The key under which a child and its team find each other: namespace and the two label values.
[[nodiscard]] std::string owner_key(const std::string& ns,
                                    const std::string& org_label,
                                    const std::string& team_label);

}  // namespace tp::provisioner
