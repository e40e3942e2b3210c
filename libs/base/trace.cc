#include "base/trace.h"

#include <algorithm>
#include <cassert>
#include <charconv>
#include <optional>
#include <string_view>

namespace tp {
namespace {

void append_hex(std::string& text, std::uint64_t number) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  for (unsigned shift = 64; shift > 0; shift -= 4) text.push_back(kDigits[(number >> (shift - 4)) & 0xFU]);
}

// Sixteen digits, in lower case.
std::optional<std::uint64_t> hex(std::string_view digits) {
  const auto is_digit = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
  if (!std::all_of(digits.begin(), digits.end(), is_digit)) return std::nullopt;
  std::uint64_t number = 0;
  constexpr int kBase = 16;
  std::from_chars(digits.data(), digits.data() + digits.size(), number, kBase);
  return number;
}

// Thirty-two.
TraceId trace_of(std::string_view digits) {
  constexpr std::size_t kHalf = 16;
  const auto high = hex(digits.substr(0, kHalf));
  const auto low = hex(digits.substr(kHalf));
  return high && low ? TraceId{*high, *low} : TraceId{};
}

// Zero is no id.
std::uint64_t not_zero(std::uint64_t number) { return number == 0 ? 1 : number; }

}  // namespace

TraceId TraceId::make(Rng& rng) {
  const std::uint64_t high = rng.next();
  return {high, not_zero(rng.next())};
}

TraceId TraceId::of_uuid(std::string_view uuid) {
  constexpr std::string_view kForm = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
  if (uuid.size() != kForm.size()) return {};
  std::string digits;
  for (std::size_t i = 0; i < kForm.size(); ++i) {
    if ((kForm[i] == '-') != (uuid[i] == '-')) return {};
    if (uuid[i] != '-') digits.push_back(uuid[i]);
  }
  return trace_of(digits);
}

std::string TraceId::str() const {
  std::string text;
  if (!*this) return text;
  append_hex(text, high);
  append_hex(text, low);
  return text;
}

TraceId parse_traceparent(std::string_view text) {
  constexpr std::string_view kForm = "00-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx-xxxxxxxxxxxxxxxx-xx";
  constexpr std::size_t kTrace = 3;
  constexpr std::size_t kSpan = 36;
  constexpr std::size_t kFlags = 53;
  if (text.size() < kForm.size()) return {};
  const std::string_view version = text.substr(0, 2);
  if (!hex(version) || version == "ff") return {};
  // Later versions may say more after another dash.
  if (text.size() > kForm.size() && (version == "00" || text[kForm.size()] != '-')) return {};
  if (text[kTrace - 1] != '-' || text[kSpan - 1] != '-' || text[kFlags - 1] != '-') return {};
  const auto span = hex(text.substr(kSpan, kFlags - 1 - kSpan));
  if (!span || *span == 0 || !hex(text.substr(kFlags, 2))) return {};
  return trace_of(text.substr(kTrace, kSpan - 1 - kTrace));
}

std::string make_traceparent(const TraceId& trace, Rng& rng) {
  assert(trace && "a span without a trace");
  std::string text = "00-" + trace.str() + "-";
  append_hex(text, not_zero(rng.next()));
  return text + "-01";
}

}  // namespace tp
