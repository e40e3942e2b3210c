#pragma once

#include <array>
#include <cstddef>
#include <string_view>

namespace tp::crypto {

using Sha256Digest = std::array<std::byte, 32>;

// SHA-256 (FIPS 180-4) of `text`.
[[nodiscard]] Sha256Digest sha256(std::string_view text);

}  // namespace tp::crypto
