#pragma once

#include <nlohmann/json.hpp>

#include "base/result.h"
#include "provisioner/commands/checks.h"
#include "provisioner/commands/definitions.h"

namespace tp::provisioner {

// Where an API server publishes the schemas of a definition's version. Everybody who is somebody to it may
// read that, so the operator needs no right to read definitions.
[[nodiscard]] std::string schema_path(const Definition& definition, const nlohmann::json& version);

// PURE. Whether a version of a definition is served as this program knows it. `published`: the OpenAPI
// document of schema_path, or why there is none. A schema that lacks something or has it otherwise is
// Missing: what we write would be refused or dropped. One that only has more, a newer one, is a Warning.
[[nodiscard]] Check check_schema(const Definition& definition,
                                 const nlohmann::json& version,
                                 const Result<nlohmann::json>& published);

}  // namespace tp::provisioner
