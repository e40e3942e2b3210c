#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/random.h"

namespace tp {

// What all requests and log lines of one piece of work have in common, as in W3C Trace Context
// (https://www.w3.org/TR/trace-context/). Zero: there is none.
struct TraceId {
  std::uint64_t high = 0;
  std::uint64_t low = 0;

  [[nodiscard]] static TraceId make(Rng& rng);
  // The 128 bits of a UUID; none of any other text.
  [[nodiscard]] static TraceId of_uuid(std::string_view uuid);

  [[nodiscard]] explicit operator bool() const noexcept { return high != 0 || low != 0; }
  [[nodiscard]] std::string str() const;  // 32 hexadecimal digits; empty when there is none

  friend bool operator==(const TraceId&, const TraceId&) = default;
};

// The trace that a header `traceparent` tells of, of version 00 or a later one; none when it is not valid.
[[nodiscard]] TraceId parse_traceparent(std::string_view text);

// The value of the header `traceparent` for a new request of this work: version 00, sampled. `trace` must be
// one.
[[nodiscard]] std::string make_traceparent(const TraceId& trace, Rng& rng);

}  // namespace tp
