#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <string_view>

#include "crypto/sha256.h"

namespace tp::crypto {

using Sha512Digest = std::array<std::byte, 64>;

// HMAC (RFC 2104) of `parts` one after the other, so that what stands before a body can be signed with it
// without a copy of the body. An empty key is a key like any other: whoever must not accept one asks before.
// Thread-safe. Nothing of the key is left in memory.
[[nodiscard]] Sha256Digest hmac_sha256(std::string_view key, std::span<const std::string_view> parts);
[[nodiscard]] Sha512Digest hmac_sha512(std::string_view key, std::span<const std::string_view> parts);

}  // namespace tp::crypto
