#pragma once

#include <nlohmann/json.hpp>

#include "crypto/secret.h"
#include "gateway/event/interpretation.h"
#include "gateway/platform/team_context.h"

namespace tp::gateway {

// Where the agent is to post what it finds, as it wants to be told (`output_destinations`, an array, perhaps
// empty). In this order, the first that is not empty:
//   1. the team's output_config.trigger_overrides of the trigger: "reply_in_thread" (Slack),
//      "comment_on_pr" (GitHub; stands even when there is no pull request) or "use_default";
//   2. what the trigger suggests: the Slack thread; the pull request or issue, and the channel of
//      notifications.github_output; the channel of notifications.{pagerduty,incidentio}_output;
//   3. output_config.default_destinations, a list of objects that are passed on, or of words, of which
//      "slack" means the default channel;
//   4. the channel notifications.default_slack_channel_id.
//
// Slack destinations carry a bot token, since the agent has none: the team's own, else `bot_token`. The
// result holds secrets and goes nowhere but into the agent's request.
[[nodiscard]] nlohmann::json output_destinations(const TeamContext& team,
                                                 const RunRequest& run,
                                                 const crypto::Secret& bot_token);

}  // namespace tp::gateway
