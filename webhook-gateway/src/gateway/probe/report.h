#pragma once

#include <chrono>
#include <optional>
#include <string>

#include <nlohmann/json_fwd.hpp>

#include "base/result.h"

// What a probe has found out. Pure.
namespace tp::gateway {

struct ProbeReport {
  std::string webhook_id{};  // under which it was sent
  std::string event_id{};    // empty: not known, or not asked for
  std::string state{};       // of the event, when it was last seen
  std::string reason{};

  // How long each stage took; none: it did not get so far, or nobody could be asked.
  std::optional<std::chrono::milliseconds> accepted{};  // by our clock: until the answer, so it is stored
  std::optional<std::chrono::milliseconds> waited{};  // by the gateway's: from there to the start of its run,
                                                      // or to its end when no agent is asked
  std::optional<std::chrono::milliseconds> ran{};     // likewise: its run
  std::chrono::milliseconds took{0};                  // by ours: all of it, with the asking

  std::string problem{};  // what is wrong, for people; empty: all is well
};

// What GET /api/v1/admin/events/{id} says, taken into the report. True when the event has come to its end; a
// bad one is the report's problem. DataLoss when it is no event.
[[nodiscard]] Result<bool> take_event(const nlohmann::json& event, ProbeReport& report);

// One line, with its end: "ok: accepted in 4 ms, …".
[[nodiscard]] std::string to_text(const ProbeReport& report);
// {"ok", "webhook_id", "event", "state", "reason", "accepted_ms", "waited_ms", "run_ms", "total_ms",
// "problem"}, null where there is nothing to tell, and a line's end.
[[nodiscard]] std::string to_json(const ProbeReport& report);

}  // namespace tp::gateway
