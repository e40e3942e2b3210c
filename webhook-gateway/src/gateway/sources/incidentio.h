#pragma once

#include "gateway/sources/source.h"

namespace tp::gateway {

// incident.io's webhooks, sent through Svix. The object stands under a key that is the event's type, dots and
// version and all; the former service's `alert` and `incident` are read too.
[[nodiscard]] Source incidentio_source();

}  // namespace tp::gateway
