#include "gateway/dispatch/interactions.h"

#include "gateway/platform/tool_calls_view.h"

namespace tp::gateway {

Status Interactions::show(const Context& ctx, const ViewDetails& view) const {
  if (slack_ == nullptr) return Error{ErrorCode::FailedPrecondition, "SLACK_BOT_TOKEN is not set"};
  TP_ASSIGN_OR_RETURN(const auto calls, service_.tool_calls(ctx, view.run_id));
  return slack_->open_view(ctx, view.trigger_id, tool_calls_view(view.phase, calls));
}

Status Interactions::record(const Context& ctx, const Feedback& feedback) const {
  TP_TRY(service_.feedback(ctx, feedback));
  const Status thanked = responses_.reply(ctx, feedback.response_url, "Thanks for your feedback!");
  if (!thanked) log_.info("a user could not be thanked", {{"error", thanked.error()}});
  return ok();
}

}  // namespace tp::gateway
