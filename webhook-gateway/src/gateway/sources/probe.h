#pragma once

#include "gateway/sources/source.h"

namespace tp::gateway {

// The gateway's own question whether it works, signed as any webhook is and taken the same way: by
// `webhook-gateway probe` or by any other sender. What is in it says nothing; how far it goes says the
// policy.
[[nodiscard]] Source probe_source();

}  // namespace tp::gateway
