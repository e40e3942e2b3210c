#pragma once

#include "base/context.h"
#include "gateway/event/event.h"

namespace tp::gateway {

// The trace of all that is done about an event, in whichever process and however often: the event's own id.
// What the sender of a webhook says of traces is not believed.
[[nodiscard]] inline TraceId trace_of(const EventId& id) { return TraceId::of_uuid(id.view()); }

// For what is done about one event.
[[nodiscard]] inline Context about(const Context& ctx, const EventId& id) {
  return {ctx.stop, ctx.deadline, id.str(), trace_of(id)};
}

}  // namespace tp::gateway
