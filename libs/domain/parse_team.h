#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "domain/schema.h"
#include "domain/team_provisioning.h"
#include "json/document.h"

namespace tp::domain {

// "spec.orgId: must not be empty; spec.runtime.mode: …", the first five, then how many more.
[[nodiscard]] std::string describe(const std::vector<FieldError>& errors);

// A TeamProvisioning and what is wrong with it. The schema normally keeps bad objects out; one that bypassed
// it (an older schema, a changed flag) must still be read, so that the operator can say what is wrong:
// `errors` then names every offending field, and the value of `team` in those places is the default.
struct ParsedTeam {
  TeamProvisioning team;
  std::vector<FieldError> errors;
};

// Reads a whole object, as a watch delivers it or as a manifest states it (if `manifest`, uid,
// resourceVersion and namespace may be missing, and apiVersion and kind may not). Applies the schema's
// defaults. Checks everything that the CRD's schema and CEL rules check, with the same field paths, but for
// the rules about changes; unknown fields are errors too, and what free_config.h says of spec.config.
// About kMaxFieldErrors errors at most. An Error only when
// metadata cannot be read or the kind is another.
//
// What is passed on to Kubernetes is written as the API server will write it: quantities in canonical form,
// members that are null left out. So a wish equals the live object that it became.
[[nodiscard]] Result<ParsedTeam> parse_team(json::View object, bool manifest = false);

}  // namespace tp::domain
