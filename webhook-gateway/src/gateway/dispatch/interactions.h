#pragma once

#include "base/context.h"
#include "base/result.h"
#include "gateway/event/interpretation.h"
#include "gateway/platform/config_service.h"
#include "gateway/platform/slack_api.h"
#include "log/log.h"

namespace tp::gateway {

// What a click in Slack asks for. Thread-safe.
class Interactions {
 public:
  // All must outlive it. `slack` may be null: then nothing can be shown.
  Interactions(const ConfigService& service,
               const SlackApi* slack,
               const SlackResponses& responses,
               log::Logger log)
      : service_(service), slack_(slack), responses_(responses), log_(std::move(log)) {}

  // Opens a dialog with the tool calls of one phase of a run.
  [[nodiscard]] Status show(const Context& ctx, const ViewDetails& view) const;
  // Stores what a user thinks of a run, and thanks (best effort).
  [[nodiscard]] Status record(const Context& ctx, const Feedback& feedback) const;

 private:
  const ConfigService& service_;
  const SlackApi* slack_;
  const SlackResponses& responses_;
  const log::Logger log_;
};

}  // namespace tp::gateway
