#pragma once

#include <string>

#include <nlohmann/json_fwd.hpp>

namespace tp::domain {

// A JSON value as a YAML document in block style, for people. Every string that another YAML reader could
// take for something else is quoted, so it reads back as the same value (domain/manifest.h).
[[nodiscard]] std::string to_yaml(const nlohmann::json& value);

}  // namespace tp::domain
