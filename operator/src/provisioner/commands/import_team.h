#pragma once

#include <array>
#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "kube/core/resource.h"
#include "provisioner/desired/build_context.h"
#include "provisioner/desired/owned_kinds.h"

// What a team had from the service before this operator, as the TeamProvisioning that asks for the same.
// PURE.
//
// The rule for every field: what runs now goes on as it runs, and what the resource does not say stays where
// it is said today. So
//   - a field is written only where the live object differs from what the operator would make by itself: its
//   image,
//     its resources, its schedule; else the team follows the operator's settings from now on;
//   - pipeline.source is ConfigService where the configuration asks for exactly the schedules that run, so
//   that the
//     team goes on changing them there; else Spec, with what runs;
//   - pipeline.bootstrap is Never, as that service has bootstrapped the team;
//   - auth.mode is OIDC for a team without a live token, which then gets none;
//   - routing stays the Config Service's, unless it is asked for (own_routing);
//   - deletionPolicy keeps everything, so that deleting the resource is the way back.
// What no field can say is a finding.
namespace tp::provisioner {

enum class Severity {
  Note,
  Warning,  // something may change, or get lost; a person should have looked at it
  Problem,  // the team cannot be taken over like this: nothing is written for it
};

struct Finding {
  Severity severity = Severity::Note;
  std::string message;

  friend bool operator==(const Finding&, const Finding&) = default;
};

// An object as the API server sent it.
struct LiveObject {
  kube::ResourceType type;
  nlohmann::json object;
};

// What is left of one team in the cluster. Slots without an object are null.
struct FormerTeam {
  std::string org, node;
  std::vector<std::string> namespaces{};  // of its objects, sorted; the first is the resource's
  std::array<nlohmann::json, kSlotCount> objects{};
  nlohmann::json autoscaler{};  // a HorizontalPodAutoscaler of whomever, for its Deployment
  std::vector<Finding> findings{};

  [[nodiscard]] const nlohmann::json& at(Slot slot) const {
    return objects.at(static_cast<std::size_t>(slot));
  }
};

using TeamIds = std::pair<std::string, std::string>;  // org, node

struct FormerTeams {
  std::map<TeamIds, FormerTeam> teams{};
  std::vector<Finding> findings{};  // objects that are nobody's
};

// Whose each object is: those of the service before, and those of ours that a deleted resource has let go
// (children: Orphan). The ids are read from the containers' environment, as that service's labels are
// ambiguous; a Service has none and goes with the Deployment of its name. What a resource has already is left
// out.
[[nodiscard]] FormerTeams teams_of(const std::vector<LiveObject>& objects);

// A team in the Config Service.
struct ServiceTeam {
  bool has_node = true;
  std::string name{}, parent{};                         // empty: none
  nlohmann::json config = nlohmann::json::object();     // its own
  nlohmann::json effective = nlohmann::json::object();  // with what it inherits
  std::size_t live_tokens = 0;
};

struct ImportRules {
  std::string ns;  // for teams that have no objects
  bool own_routing = false;
};

struct ImportedTeam {
  nlohmann::json resource;  // a manifest; null when a finding is a Problem
  std::vector<Finding> findings{};
};

// `service`: null when the Config Service was not asked. `build`: what the operator is told, with the default
// release. `contested`: identifiers of its routing that other teams list too, by (index of kRoutingKinds,
// value), with those teams' names.
using ContestedRouting = std::map<std::pair<std::size_t, std::string>, std::string>;
[[nodiscard]] ImportedTeam import_team(const FormerTeam& former,
                                       const ServiceTeam* service,
                                       const ContestedRouting& contested,
                                       const ImportRules& rules,
                                       const BuildContext& build);

// For each team the identifiers that it shares with others.
[[nodiscard]] std::map<TeamIds, ContestedRouting> contested_routing(
    const std::map<TeamIds, ServiceTeam>& teams);

// Names that the former service would have given to this team's objects and that hold another's: it gave
// equal names to ids that begin alike, and whoever was provisioned last has them.
[[nodiscard]] std::vector<Finding> taken_names(const TeamIds& team, const FormerTeams& all);

// The parts of a live object that nobody would set any more once the operator has taken it over, as
// "spec.a.b"; from what differences() finds between it and what the operator would make of it.
struct Difference;
[[nodiscard]] std::vector<std::string> lost_parts(const std::vector<Difference>& found);

[[nodiscard]] bool has_problem(const std::vector<Finding>& findings) noexcept;

}  // namespace tp::provisioner
