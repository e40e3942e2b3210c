#include "gateway/inbox/event_id.h"

#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>

namespace tp::gateway {

EventId new_event_id(WallTime now, Rng& rng) {
  const auto ms = static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count());
  const std::uint64_t a = rng.next();
  const std::uint64_t b = rng.next();
  std::array<char, 37> text{};
  std::snprintf(text.data(), text.size(), "%08x-%04x-7%03x-%04x-%012llx",
                static_cast<unsigned>((ms >> 16U) & 0xFFFFFFFFU), static_cast<unsigned>(ms & 0xFFFFU),
                static_cast<unsigned>(a & 0xFFFU), static_cast<unsigned>(0x8000U | ((a >> 12U) & 0x3FFFU)),
                b & 0xFFFFFFFFFFFFULL);
  return EventId{text.data()};
}

}  // namespace tp::gateway
