#pragma once

#include <cstddef>

namespace tp {

// How many descriptors this process may have from now on: raises its limit as far as it may itself. Service
// managers start programs with 1,024, for the sake of those that use select(2); we do not.
std::size_t raise_descriptor_limit() noexcept;

}  // namespace tp
