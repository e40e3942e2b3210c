#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"

namespace tp {

// RFC 3339 in UTC with whole seconds, the form of metav1.Time: 2026-11-22T16:14:44Z.
[[nodiscard]] std::string to_rfc3339(WallTime time);
// With microseconds, the form of metav1.MicroTime: 2026-11-22T16:14:44.000000Z.
[[nodiscard]] std::string to_rfc3339_micro(WallTime time);
// Accepts either form, UTC ("Z") or a numeric offset. Nothing on any other text, and on years that WallTime
// cannot hold (before 1678, after 2261).
[[nodiscard]] std::optional<WallTime> parse_rfc3339(std::string_view text);

}  // namespace tp
