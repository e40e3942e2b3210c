#pragma once

#include "gateway/sources/source.h"

namespace tp::gateway {

// Slack's Events API: mentions of the bot and messages to it start runs. Retries are known by their event_id
// alone; X-Slack-Retry-Num says only that Slack got no answer, not that nothing was stored.
[[nodiscard]] Source slack_source();

// Source::refuse for both of Slack's sources. A 4xx tells Slack not to send again.
[[nodiscard]] http::Response refuse_slack(int status, std::string_view reason);

}  // namespace tp::gateway
