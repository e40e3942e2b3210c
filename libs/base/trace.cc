#include "base/trace.h"

#include <cassert>
#include <string_view>

namespace tp {
namespace {

void append_hex(std::string& text, std::uint64_t number) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  for (unsigned shift = 64; shift > 0; shift -= 4) text.push_back(kDigits[(number >> (shift - 4)) & 0xFU]);
}

// Zero is no id.
std::uint64_t not_zero(std::uint64_t number) { return number == 0 ? 1 : number; }

}  // namespace

TraceId TraceId::make(Rng& rng) {
  const std::uint64_t high = rng.next();
  return {high, not_zero(rng.next())};
}

std::string TraceId::str() const {
  std::string text;
  if (!*this) return text;
  append_hex(text, high);
  append_hex(text, low);
  return text;
}

std::string make_traceparent(const TraceId& trace, Rng& rng) {
  assert(trace && "a span without a trace");
  std::string text = "00-" + trace.str() + "-";
  append_hex(text, not_zero(rng.next()));
  return text + "-01";
}

}  // namespace tp
