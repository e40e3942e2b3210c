#pragma once

#include <optional>
#include <string>

#include "base/result.h"

namespace tp {

// The one place that reads the process environment and small files, so that everything else takes values.

// An environment variable; nothing when unset. Call only before threads start.
[[nodiscard]] std::optional<std::string> env_var(const char* name);

// A whole file. NotFound when it is absent, PermissionDenied when it cannot be read, ResourceExhausted above
// `limit` bytes; the message names the file and never its content.
[[nodiscard]] Result<std::string> read_file(const std::string& path,
                                            std::size_t limit = std::size_t{1} << 20U);

}  // namespace tp
