#pragma once

#include "gateway/sources/source.h"

namespace tp::gateway {

// PagerDuty's V3 webhooks (one `event`), and the list of `messages`, each with an `event` of that form, that
// the former service read.
[[nodiscard]] Source pagerduty_source();

}  // namespace tp::gateway
