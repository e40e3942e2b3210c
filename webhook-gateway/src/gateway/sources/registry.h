#pragma once

#include <vector>

#include "gateway/sources/source.h"

namespace tp::gateway {

// Every source, in the order of SourceKind. Lives as long as the program; immutable.
[[nodiscard]] const std::vector<Source>& sources();

[[nodiscard]] const Source& source_of(SourceKind kind);

}  // namespace tp::gateway
