#include "gateway/probe/report.h"

#include <algorithm>
#include <array>
#include <string_view>

#include <nlohmann/json.hpp>

#include "base/clock.h"
#include "base/time.h"
#include "json/parse.h"

namespace tp::gateway {
namespace {

using Json = nlohmann::json;
using std::chrono::milliseconds;

// docs/inbox.md.
constexpr std::array<std::string_view, 4> kEnds{"done", "ignored", "unrouted", "dead"};

std::string text(const Json& object, const char* key) {
  const auto it = object.find(key);
  return it != object.end() && it->is_string() ? it->get<std::string>() : std::string{};
}

std::optional<milliseconds> between(std::optional<WallTime> from, std::optional<WallTime> to) {
  if (!from || !to) return std::nullopt;
  return std::chrono::duration_cast<milliseconds>(*to - *from);
}

std::string shown(milliseconds time) { return std::to_string(time.count()) + " ms"; }

std::string event_of(const ProbeReport& report) {
  if (report.event_id.empty()) return "";
  std::string text = "event " + report.event_id;
  if (!report.state.empty()) text += " " + report.state;
  if (!report.reason.empty()) text += " (" + report.reason + ")";
  return text;
}

Json or_null(const std::string& text) { return text.empty() ? Json{} : Json(text); }
Json or_null(const std::optional<milliseconds>& time) { return time ? Json(time->count()) : Json{}; }

}  // namespace

Result<bool> take_event(const Json& event, ProbeReport& report) {
  const auto received_at = event.is_object() ? parse_rfc3339(text(event, "received_at")) : std::nullopt;
  if (!received_at) return Error{ErrorCode::DataLoss, "the admin API's answer is no event"};
  report.event_id = text(event, "id");
  report.state = text(event, "state");
  report.reason = text(event, "reason");
  const auto started_at = parse_rfc3339(text(event, "started_at"));
  const auto finished_at = parse_rfc3339(text(event, "finished_at"));
  report.waited = between(received_at, started_at ? started_at : finished_at);
  report.ran = between(started_at, finished_at);
  if (std::find(kEnds.begin(), kEnds.end(), report.state) == kEnds.end()) return false;
  if (report.state != "done") {
    report.problem = "it was not run";
  } else if (report.reason == "failed") {
    report.problem = "its agent says that the run has failed";
  }
  return true;
}

std::string to_text(const ProbeReport& report) {
  std::string stages;
  const auto add = [&](const std::string& stage) { stages += (stages.empty() ? "" : ", ") + stage; };
  if (report.accepted) add("accepted in " + shown(*report.accepted));
  if (report.waited) add("waited " + shown(*report.waited));
  if (report.ran) add("ran " + shown(*report.ran));
  if (const std::string event = event_of(report); !event.empty()) add(event);
  add(shown(report.took) + " in all");
  if (report.problem.empty()) return "ok: " + stages + "\n";
  return "failed: " + report.problem + "; " + stages + "\n";
}

std::string to_json(const ProbeReport& report) {
  return json::dump({{"ok", report.problem.empty()},
                     {"webhook_id", report.webhook_id},
                     {"event", or_null(report.event_id)},
                     {"state", or_null(report.state)},
                     {"reason", or_null(report.reason)},
                     {"accepted_ms", or_null(report.accepted)},
                     {"waited_ms", or_null(report.waited)},
                     {"run_ms", or_null(report.ran)},
                     {"total_ms", report.took.count()},
                     {"problem", or_null(report.problem)}}) +
         "\n";
}

}  // namespace tp::gateway
