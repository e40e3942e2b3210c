#include "crypto/encoding.h"

#include <cstdint>

#include <openssl/crypto.h>

namespace tp::crypto {
namespace {

constexpr std::string_view kHex = "0123456789abcdef";
constexpr std::string_view kBase64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

std::optional<unsigned> hex_digit(char c) noexcept {
  if (c >= '0' && c <= '9') return static_cast<unsigned>(c - '0');
  const auto lower = static_cast<char>(static_cast<unsigned char>(c) | 0x20U);
  if (lower >= 'a' && lower <= 'f') return static_cast<unsigned>(lower - 'a') + 10;
  return std::nullopt;
}

}  // namespace

std::string to_hex(std::span<const std::byte> bytes) {
  std::string text;
  text.reserve(bytes.size() * 2);
  for (const std::byte b : bytes) {
    text.push_back(kHex[std::to_integer<std::size_t>(b >> 4U)]);
    text.push_back(kHex[std::to_integer<std::size_t>(b & std::byte{0xF})]);
  }
  return text;
}

std::optional<std::string> from_hex(std::string_view text) {
  if (text.size() % 2 != 0) return std::nullopt;
  std::string bytes;
  bytes.reserve(text.size() / 2);
  for (std::size_t i = 0; i < text.size(); i += 2) {
    const auto high = hex_digit(text[i]);
    const auto low = hex_digit(text[i + 1]);
    if (!high || !low) return std::nullopt;
    bytes.push_back(static_cast<char>((*high << 4U) | *low));
  }
  return bytes;
}

std::string to_base64(std::string_view bytes) {
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  std::uint32_t bits = 0;
  unsigned pending = 0;  // bits not written yet: the lowest ones of `bits`
  const auto put = [&](std::uint32_t six) { text.push_back(kBase64[six & 0x3FU]); };
  for (const char c : bytes) {
    bits = (bits << 8U) | static_cast<unsigned char>(c);
    for (pending += 8; pending >= 6;) put(bits >> (pending -= 6));
  }
  if (pending > 0) put(bits << (6 - pending));
  text.append((4 - text.size() % 4) % 4, '=');
  return text;
}

std::optional<std::string> from_base64(std::string_view text) {
  if (text.size() % 4 != 0) return std::nullopt;
  for (int padding = 0; padding < 2 && text.ends_with('='); ++padding) text.remove_suffix(1);
  std::string bytes;
  bytes.reserve(text.size() / 4 * 3 + 2);
  std::uint32_t bits = 0;
  unsigned pending = 0;  // bits not written yet: the lowest ones of `bits`
  for (const char c : text) {
    const std::size_t six = kBase64.find(c);
    if (six == std::string_view::npos) return std::nullopt;
    bits = (bits << 6U) | static_cast<std::uint32_t>(six);
    pending += 6;
    if (pending < 8) continue;
    pending -= 8;
    bytes.push_back(static_cast<char>((bits >> pending) & 0xFFU));
  }
  // Six bits left over would be a single digit, which is no byte; fewer are filled up with zeros.
  if (pending == 6 || (bits & ((1U << pending) - 1U)) != 0) return std::nullopt;
  return bytes;
}

bool equal_constant_time(std::string_view a, std::span<const std::byte> b) noexcept {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace tp::crypto
