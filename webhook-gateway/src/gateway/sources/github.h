#pragma once

#include "gateway/sources/source.h"

namespace tp::gateway {

// GitHub's webhooks, JSON only. People start runs by mentioning the bot in comments, issues and pull
// requests; failed checks and workflows of the default branch do so by themselves. The event's name comes in
// a header that is not signed: it is believed only if the body has the objects of such an event.
[[nodiscard]] Source github_source();

}  // namespace tp::gateway
