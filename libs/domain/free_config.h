#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "domain/schema.h"
#include "json/document.h"

namespace tp::domain {

// Bounds of spec.config that its schema cannot state. They keep the Config Service, our status (which lists
// what we set there) and a cache of ten thousand teams in order.
inline constexpr std::size_t kMaxConfigBytes = std::size_t{64}
                                               << 10U;  // as JSON; and of all its dotted paths
inline constexpr std::size_t kMaxConfigDepth = 16;      // of objects and lists, itself the first
// Leaves: all but objects that have members. The service replaces them as a whole, and we own them one by
// one.
inline constexpr std::size_t kMaxConfigLeaves = 256;
inline constexpr std::size_t kMaxConfigKey = 128;  // characters

// What is wrong with `config`, an object; all said about `path`.
[[nodiscard]] std::vector<FieldError> check_config(json::View config, std::string_view path);

}  // namespace tp::domain
