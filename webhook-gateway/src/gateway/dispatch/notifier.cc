#include "gateway/dispatch/notifier.h"

#include <chrono>
#include <utility>
#include <variant>

#include "gateway/event/trace.h"
#include "gateway/platform/event_log.h"
#include "gateway/sources/registry.h"

namespace tp::gateway {
namespace {

constexpr std::size_t kMost = 1'000;
constexpr std::chrono::seconds kDeadline{10};

}  // namespace

std::optional<SlackThread> slack_thread_of(const StoredEvent& event, const Policy& policy) {
  const auto asked = source_of(event.source).interpret(event, policy);
  const auto* run = asked ? std::get_if<RunRequest>(&*asked) : nullptr;
  return run != nullptr ? run->slack : std::nullopt;
}

Notifier::Notifier(const ConfigService& service, const SlackApi* slack, const Clock& clock, log::Logger log)
    : service_(service), slack_(slack), log_(std::move(log)), chores_("notifier", kDeadline, kMost, clock) {}

void Notifier::gave_up(GaveUp notice) {
  log_of(log_, notice.event)
      .warn("an event was given up", {{"source", to_string(notice.source)},
                                      {"org", notice.team.org_id},
                                      {"team", notice.team.team_node_id},
                                      {"reason", notice.reason}});
  add([this, notice = std::move(notice)](const Context& given) {
    const Context ctx = about(given, notice.event);
    if (notice.slack) {
      post(ctx, *notice.slack,
           "Sorry, I could not investigate this: the agent did not take the request in time. Nothing more "
           "will be tried; "
           "please ask again. (Reference: " +
               notice.event.str() + ")");
    }
    // A probe's sender finds out by itself, and no team misses its run.
    const bool missed = notice.source != SourceKind::Probe && !notice.team.team_node_id.empty();
    if (notice.never_seen && missed) record(ctx, notice);
  });
}

void Notifier::ask_for_words(const SlackThread& thread) {
  add([this, thread](const Context& ctx) {
    post(ctx, thread, "Hey! What would you like me to investigate?");
  });
}

void Notifier::post(const Context& ctx, const SlackThread& thread, const std::string& text) const {
  if (slack_ == nullptr) return;
  const Status posted = slack_->post_message(ctx, thread.channel_id, thread.thread_ts, text);
  if (!posted)
    log_.warn("a notice could not be posted", {{"channel", thread.channel_id}, {"error", posted.error()}});
}

void Notifier::record(const Context& ctx, const GaveUp& notice) const {
  const std::string& id = notice.event.str();
  Status recorded = service_.record_run(ctx, {.run_id = id,
                                              .team = notice.team,
                                              .correlation_id = id,
                                              .agent_name = notice.agent_name,
                                              .trigger_source = std::string{to_string(notice.source)},
                                              .trigger_message = notice.message});
  if (recorded)
    recorded = service_.end_run(ctx, id, {.success = false, .error = "not started: " + notice.reason});
  if (!recorded) {
    log_of(log_, notice.event)
        .warn("a run that was given up could not be recorded", {{"error", recorded.error()}});
  }
}

void Notifier::add(Chores::Chore notice) {
  if (!chores_.add(std::move(notice))) log_.warn("too many notices at once: one is dropped");
}

}  // namespace tp::gateway
