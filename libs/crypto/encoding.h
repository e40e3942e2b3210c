#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

// Bytes as text and back, as signatures and keys are written. Strict: one text for one sequence of bytes, but
// for the case of hexadecimal digits.
namespace tp::crypto {

// Lower-case hexadecimal.
[[nodiscard]] std::string to_hex(std::span<const std::byte> bytes);
// Pairs of digits in either case; nothing on any other text.
[[nodiscard]] std::optional<std::string> from_hex(std::string_view text);

// RFC 4648, section 4: the standard alphabet, with padding.
[[nodiscard]] std::string to_base64(std::string_view bytes);
// Nothing without the padding, with space between, or with bits set that the padding says are unused. The
// result is built in one buffer, so a key leaves no trace beside it.
[[nodiscard]] std::optional<std::string> from_base64(std::string_view text);

// Whether both are the same bytes, in a time that depends on their sizes alone.
[[nodiscard]] bool equal_constant_time(std::string_view a, std::span<const std::byte> b) noexcept;

}  // namespace tp::crypto
