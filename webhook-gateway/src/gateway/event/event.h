#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/strong_id.h"

// What the gateway keeps of a webhook, from its acceptance to its end. Plain values, used by every part.
namespace tp::gateway {

// A UUID of version 7 (RFC 9562) in its canonical text. It is also the X-Correlation-ID and the
// Idempotency-Key of the run that the event starts.
using EventId = StrongId<struct EventIdTag>;

// The senders that the gateway understands. The names are those of URLs, metrics, the database and the admin
// API.
enum class SourceKind : std::uint8_t {
  Slack,
  SlackInteractions,
  GitHub,
  PagerDuty,
  IncidentIo,
  Circleback,
  Generic,
  Probe,  // `webhook-gateway probe`, which asks whether all of this works
};

inline constexpr std::array<std::pair<SourceKind, std::string_view>, 8> kSourceNames{{
    {SourceKind::Slack, "slack"},
    {SourceKind::SlackInteractions, "slack_interactions"},
    {SourceKind::GitHub, "github"},
    {SourceKind::PagerDuty, "pagerduty"},
    {SourceKind::IncidentIo, "incidentio"},
    {SourceKind::Circleback, "circleback"},
    {SourceKind::Generic, "generic"},
    {SourceKind::Probe, "probe"},
}};

[[nodiscard]] constexpr std::string_view to_string(SourceKind source) noexcept {
  return kSourceNames.at(static_cast<std::size_t>(source)).second;
}
[[nodiscard]] constexpr std::optional<SourceKind> parse_source(std::string_view name) noexcept {
  for (const auto& [source, its_name] : kSourceNames) {
    if (its_name == name) return source;
  }
  return std::nullopt;
}

// For whom a signing secret speaks: the whole platform (both empty), one org, or one team. What an event is
// routed to must lie inside the scope of the secret that verified it.
struct Scope {
  std::string org_id{};
  std::string team_node_id{};  // only with org_id

  [[nodiscard]] bool covers(std::string_view org, std::string_view team) const noexcept {
    return (org_id.empty() || org_id == org) && (team_node_id.empty() || team_node_id == team);
  }
  friend bool operator==(const Scope&, const Scope&) = default;
};

// Which queue an event waits in. Interactive events carry a Slack trigger_id, which Slack forgets after 3 s.
// Provisioning events are the admin role's; a worker takes none of them.
enum class Lane : std::uint8_t { Normal, Interactive, Provisioning };

// A verified event that is to be stored. One request may hold several (PagerDuty's former `messages[]`).
struct NewEvent {
  EventId id;
  SourceKind source = SourceKind::Slack;
  std::string endpoint{};  // of a generic source: its name in the config file; else empty
  Scope scope{};           // of the secret that verified it
  std::string kind{};  // the sender's own name of what happened, e.g. "issue_comment"; at most 100 characters
  std::string provider_id{};  // the sender's id of the delivery; empty when there is none
  std::string
      digest{};  // 32 bytes: SHA-256 of the signed bytes (of its own part, if the request holds several)
  // Equal for two events of one source that stand for one thing, e.g. a mention that Slack sends as
  // app_mention and as message. Empty: no twin.
  std::string twin_key{};
  std::string
      order_key{};  // events of one key are dispatched one after the other, oldest first; empty: no order
  Lane lane = Lane::Normal;
  std::chrono::seconds dedupe_for{std::chrono::hours{24 * 90}};  // how long digest and ids are remembered
  std::vector<std::pair<std::string, std::string>>
      headers{};       // the few that the worker needs; never a signature
  std::string body{};  // exact bytes
};

// An event as the worker reads it back.
struct StoredEvent {
  EventId id;
  SourceKind source = SourceKind::Slack;
  std::string endpoint{};
  Scope scope{};
  std::string kind{};
  std::string provider_id{};
  WallTime received_at{};
  std::vector<std::pair<std::string, std::string>> headers{};
  std::string body{};

  // The first header of that name (lower case), or "".
  [[nodiscard]] std::string_view header(std::string_view name) const noexcept {
    for (const auto& [its_name, value] : headers) {
      if (its_name == name) return value;
    }
    return {};
  }
};

}  // namespace tp::gateway
