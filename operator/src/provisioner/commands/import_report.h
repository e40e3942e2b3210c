#pragma once

#include <map>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "kube/core/resource.h"
#include "provisioner/commands/differences.h"
#include "provisioner/commands/import_team.h"

namespace tp::provisioner {

// What would become of an object when the operator takes it over.
struct Takeover {
  std::string object;  // "Deployment incidentfox/agent-dedicated-acme-payments"
  std::vector<Difference> changes{};
};

// What import has found out about one team.
struct TeamReport {
  enum class State {
    New,      // a resource is to be made
    Created,  // and was, now
    Exists,   // there is one; nothing is changed
    Refused,  // a Problem, or the API server did not take it
  };

  TeamIds ids{};
  kube::ObjectKey key{};  // of its resource
  State state = State::New;
  nlohmann::json resource{};  // null when there is none to make
  std::vector<Takeover> takeovers{};
  std::vector<std::string> actions{};  // what else the operator would do, in the cluster and in the services
  std::vector<Finding> findings{};
};

struct ImportReport {
  std::vector<TeamReport> teams{};  // sorted by ids
  std::vector<Finding> findings{};  // of no team
};

// PURE. For people: a block for each team, the same changes in full only once, without the labels by which
// the operator knows what it has; and how many there are of each state.
[[nodiscard]] std::string to_text(const ImportReport& report);

// PURE. The resources that are to be made, for `kubectl apply`: YAML documents, or one List in JSON.
[[nodiscard]] std::string to_yaml_documents(const ImportReport& report);
[[nodiscard]] std::string to_json_list(const ImportReport& report);

// PURE. Where a live object differs from what the API server would make of the operator's wish: of the
// metadata only what would be lost, and nothing that the API server decides.
[[nodiscard]] std::vector<Difference> takeover_changes(const kube::ResourceType& type,
                                                       nlohmann::json live,
                                                       nlohmann::json after);

// PURE. A line for each value that a patch changes in a configuration: "routing.team_id: (nothing) ->
// payments".
[[nodiscard]] std::vector<std::string> config_changes(const nlohmann::json& live,
                                                      const nlohmann::json& patch);

}  // namespace tp::provisioner
