#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace tp::crypto {

using Sha256Digest = std::array<std::byte, 32>;

// SHA-256 (FIPS 180-4) of `text`.
[[nodiscard]] Sha256Digest sha256(std::string_view text);
// Lower-case hexadecimal.
[[nodiscard]] std::string to_hex(std::span<const std::byte> bytes);

}  // namespace tp::crypto
