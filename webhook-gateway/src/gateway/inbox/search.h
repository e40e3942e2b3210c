#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/context.h"
#include "base/result.h"
#include "gateway/event/event.h"
#include "gateway/inbox/inbox.h"
#include "postgres/pool.h"

namespace tp::gateway {

// What may be known of an event, open or ended: never its body or headers.
struct EventSummary {
  EventId id;
  std::string source;
  std::string endpoint;
  std::string kind;
  std::string provider_id;
  std::string state;
  std::string reason;
  std::string org_id;  // that it was routed to, else that of the secret that verified it; empty: nobody's
  std::string team_node_id;
  WallTime received_at{};
  std::optional<WallTime> due_at{};       // of an open one: when it is looked at again
  std::optional<WallTime> started_at{};   // its first run
  std::optional<WallTime> finished_at{};  // of an ended one
  int attempts = 0;
  int uncertain = 0;
  int duplicates = 0;
  std::int64_t body_bytes = 0;
};

// A POST to an agent.
struct AttemptSummary {
  int n = 0;
  WallTime started_at{};
  std::optional<WallTime> finished_at{};  // none: it is under way
  std::string agent;                      // host and port
  std::string outcome;                    // "open" when it is under way
  std::optional<int> http_status{};
  std::string detail;
};

// Which events are looked for: those that all of it is true of. Empty fields say nothing.
struct EventQuery {
  std::optional<EventId> id{};
  std::string org_id{};
  std::string team_node_id{};
  std::optional<SourceKind> source{};
  std::string kind{};
  std::vector<State> states{};
  std::optional<WallTime> from{};   // received at this time or later
  std::optional<WallTime> until{};  // received before this time
  std::optional<EventId> before{};  // the last one of the page before
  std::size_t limit = 50;           // 1 to kMaxEvents
};
inline constexpr std::size_t kMaxEvents = 200;

struct EventPage {
  std::vector<EventSummary> events;  // newest first, by their ids
  bool more = false;
};

// Looks for events among the open and the ended ones. Ids are in the order of time, so they are the cursor.
// Errors are the database's. Thread-safe.
class EventSearch {
 public:
  explicit EventSearch(postgres::Pool& pool) : pool_(pool) {}

  [[nodiscard]] Result<EventPage> find(const Context& ctx, const EventQuery& query) const;
  // In the order of time. One that was given up has two entries of one `n` when its outcome became known
  // later.
  [[nodiscard]] Result<std::vector<AttemptSummary>> attempts(const Context& ctx, const EventId& id) const;

 private:
  postgres::Pool& pool_;
};

// Whether `text` is a UUID in its canonical form.
[[nodiscard]] bool is_event_id(std::string_view text) noexcept;

}  // namespace tp::gateway
