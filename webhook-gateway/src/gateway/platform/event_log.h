#pragma once

#include "gateway/event/trace.h"
#include "log/log.h"

namespace tp::gateway {

// For the lines about one event.
[[nodiscard]] inline log::Logger log_of(const log::Logger& log, const EventId& id) {
  return log.with({"event", id.str()}).with({"trace_id", trace_of(id).str()});
}

}  // namespace tp::gateway
