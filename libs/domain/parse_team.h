#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "base/result.h"
#include "domain/team_provisioning.h"
#include "json/document.h"

namespace tp::domain {

// One thing wrong with a resource: where, and what is allowed there.
struct FieldError {
  std::string path;     // spec.pipeline.schedule, spec.runtime.dedicated.env[2].name
  std::string message;  // "must be at most 64 characters long, is 70"; never contains a whole foreign value of unbounded size

  friend bool operator==(const FieldError&, const FieldError&) = default;
};

// "spec.orgId: must not be empty; spec.runtime.mode: …", the first five, then how many more.
[[nodiscard]] std::string describe(const std::vector<FieldError>& errors);

// A TeamProvisioning and what is wrong with it. The schema normally keeps bad objects out; one that bypassed it (an older
// schema, a changed flag) must still be read, so that the operator can say what is wrong: `errors` then names every
// offending field, and the value of `team` in those places is the default.
struct ParsedTeam {
  TeamProvisioning team;
  std::vector<FieldError> errors;
};

// Reads a whole object, as a watch delivers it or as a manifest states it (then uid and resourceVersion may be missing if
// `manifest`). Applies the schema's defaults. Checks everything that the CRD's schema and CEL rules check, with the same
// field paths; unknown fields under spec are errors too. An Error only when metadata cannot be read or the kind is another.
[[nodiscard]] Result<ParsedTeam> parse_team(json::View object, bool manifest = false);

// The status as the API has it; for writing. conditions, inventory, observedGeneration, and the rest where not empty.
[[nodiscard]] nlohmann::json status_to_json(const TeamStatus& status);

}  // namespace tp::domain
