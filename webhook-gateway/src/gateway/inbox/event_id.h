#pragma once

#include "base/clock.h"
#include "base/random.h"
#include "gateway/event/event.h"

namespace tp::gateway {

// A new UUID of version 7 (RFC 9562, 5.7): milliseconds of wall time, then 74 random bits.
[[nodiscard]] EventId new_event_id(WallTime now, Rng& rng);

}  // namespace tp::gateway
