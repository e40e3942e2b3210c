#pragma once

#include <cstddef>
#include <string_view>

namespace tp::kube {

// The first `limit` bytes of `text` at most, never ending inside a UTF-8 sequence: the API server refuses
// half a one.
[[nodiscard]] constexpr std::string_view cut(std::string_view text, std::size_t limit) noexcept {
  if (text.size() <= limit) return text;
  while (limit > 0 && (static_cast<unsigned char>(text[limit]) & 0xC0U) == 0x80U) --limit;
  return text.substr(0, limit);
}

}  // namespace tp::kube
