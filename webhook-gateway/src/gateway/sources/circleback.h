#pragma once

#include "gateway/sources/source.h"

namespace tp::gateway {

// Circleback's meeting notes. They name no team, so they are kept and start nothing.
[[nodiscard]] Source circleback_source();

}  // namespace tp::gateway
