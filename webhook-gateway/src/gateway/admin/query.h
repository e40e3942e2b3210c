#pragma once

#include <map>
#include <string>
#include <string_view>

#include "base/result.h"

namespace tp::gateway {

// The path of a request's target, without its query.
[[nodiscard]] std::string_view path_of(std::string_view target) noexcept;

// The decoded parameters of its query; of one that is there several times, the values joined by ','.
// InvalidArgument for a '%' that two hexadecimal digits do not follow, for a NUL, and for bytes that are not
// UTF-8.
[[nodiscard]] Result<std::map<std::string, std::string>> query_of(std::string_view target);

}  // namespace tp::gateway
