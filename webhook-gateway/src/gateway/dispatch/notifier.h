#pragma once

#include <optional>
#include <string>

#include "base/clock.h"
#include "base/context.h"
#include "gateway/event/event.h"
#include "gateway/event/interpretation.h"
#include "gateway/platform/chores.h"
#include "gateway/platform/config_service.h"
#include "gateway/platform/slack_api.h"
#include "gateway/policy/policy.h"
#include "log/log.h"

namespace tp::gateway {

// An event whose run will not be tried again.
struct GaveUp {
  EventId event;
  TeamRef team{};
  SourceKind source = SourceKind::Slack;
  std::string agent_name{};
  std::string message{};
  std::string reason{};
  bool never_seen = false;  // certainly no agent has seen it, so none has recorded it
  std::optional<SlackThread> slack{};
};

// The thread in which an event was asked for, if it was one of Slack's.
[[nodiscard]] std::optional<SlackThread> slack_thread_of(const StoredEvent& event, const Policy& policy);

// Says what became of people's words when no agent will: in the Slack thread, and, for a run that no agent
// has seen, in the Config Service's record of runs. Best effort on a thread of its own: what fails is logged,
// and more than a thousand notices at once are not kept. Thread-safe.
class Notifier {
 public:
  // All must outlive it. `slack` may be null: then nothing is posted.
  Notifier(const ConfigService& service, const SlackApi* slack, const Clock& clock, log::Logger log);

  // Never block.
  void gave_up(GaveUp notice);
  void ask_for_words(const SlackThread& thread);

 private:
  void add(Chores::Chore notice);
  void post(const Context& ctx, const SlackThread& thread, const std::string& text) const;
  void record(const Context& ctx, const GaveUp& notice) const;

  const ConfigService& service_;
  const SlackApi* slack_;
  const log::Logger log_;
  Chores chores_;  // last
};

}  // namespace tp::gateway
