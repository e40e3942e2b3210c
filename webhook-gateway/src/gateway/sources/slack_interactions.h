#pragma once

#include "gateway/sources/source.h"

namespace tp::gateway {

// Clicks on the buttons under an agent's answer. Slack never sends one again, so the answer says only that it
// is stored. Kinds of interaction that we have no surfaces for are answered as Slack wants it and forgotten.
[[nodiscard]] Source slack_interactions_source();

}  // namespace tp::gateway
