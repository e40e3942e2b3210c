#include "gateway/inbox/search.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "gateway/inbox/where.h"
#include "postgres/params.h"

namespace tp::gateway {
namespace {

using postgres::Params;
using postgres::Rows;

std::optional<WallTime> optional_time(const Rows& rows, std::size_t row, int column) {
  if (rows.is_null(row, column)) return std::nullopt;
  return time_of(rows, row, column);
}

// An open event is held when its team's last turn said so, or when its source is paused for the team: a pause
// of a source leaves the team's other events their turns.
constexpr std::string_view kOpen = R"sql(
SELECT i.id, i.source, i.endpoint, i.kind, i.provider_id, i.received_at, i.due_at, i.started_at,
  NULL::timestamptz AS finished_at, i.attempts, i.uncertain, i.duplicates, i.body_bytes,
  coalesce(i.org_id, nullif(i.scope_org, '')) AS org_id,
  coalesce(i.team_node_id, nullif(i.scope_team, '')) AS team_node_id,
  CASE WHEN h.why <> '' THEN 'held' ELSE i.state END AS state, CASE WHEN h.why <> '' THEN h.why ELSE i.reason END AS reason
FROM orchestrator.inbox i LEFT JOIN LATERAL (
  SELECT CASE WHEN i.state <> 'ready' THEN '' WHEN q.held <> '' THEN q.held WHEN EXISTS (
      SELECT 1 FROM orchestrator.controls c WHERE c.paused AND c.source = i.source AND c.org_id IN ('', i.org_id)
        AND c.team_node_id IN ('', i.team_node_id)) THEN 'paused' ELSE '' END AS why
  FROM orchestrator.team_queues q WHERE q.org_id = i.org_id AND q.team_node_id = i.team_node_id) h ON true)sql";

constexpr std::string_view kEnded = R"sql(
SELECT id, source, endpoint, kind, provider_id, received_at, NULL::timestamptz AS due_at, started_at, finished_at,
  attempts, uncertain, duplicates, body_bytes, org_id, team_node_id, state, reason
FROM orchestrator.events)sql";

// The columns that summary_of() reads.
constexpr std::string_view kColumns =
    "SELECT id, source, endpoint, kind, provider_id, state, reason, org_id, team_node_id, attempts, "
    "uncertain, "
    "duplicates, body_bytes, " TP_MICROS("received_at") ", " TP_MICROS("due_at") ", " TP_MICROS(
        "started_at") ", " TP_MICROS("finished_at");

EventSummary summary_of(const Rows& rows, std::size_t row) {
  const auto text = [&](int column) { return std::string{rows.text(row, column)}; };
  const auto number = [&](int column) { return static_cast<int>(rows.integer(row, column)); };
  return {.id = EventId{text(0)},
          .source = text(1),
          .endpoint = text(2),
          .kind = text(3),
          .provider_id = text(4),
          .state = text(5),
          .reason = text(6),
          .org_id = text(7),
          .team_node_id = text(8),
          .received_at = time_of(rows, row, 13),
          .due_at = optional_time(rows, row, 14),
          .started_at = optional_time(rows, row, 15),
          .finished_at = optional_time(rows, row, 16),
          .attempts = number(9),
          .uncertain = number(10),
          .duplicates = number(11),
          .body_bytes = rows.integer(row, 12)};
}

Where where_of(const EventQuery& query) {
  Where where;
  if (query.id) where.add("id = $::uuid", query.id->view());
  if (query.before) where.add("id < $::uuid", query.before->view());
  if (!query.org_id.empty()) where.add("org_id = $", query.org_id);
  if (!query.team_node_id.empty()) where.add("team_node_id = $", query.team_node_id);
  if (query.source) where.add("source = $", to_string(*query.source));
  if (!query.kind.empty()) where.add("kind = $", query.kind);
  if (query.from) where.add("received_at >= to_timestamp($::bigint / 1e6)", micros(*query.from));
  if (query.until) where.add("received_at < to_timestamp($::bigint / 1e6)", micros(*query.until));
  if (!query.states.empty()) {
    std::vector<std::string_view> names;
    for (const State state : query.states) names.push_back(to_string(state));
    if (names.size() == 1) {
      where.add("state = $", names.front());  // which an index over some states can answer
    } else {
      where.add_any("state = ANY ($)", names);
    }
  }
  return where;
}

}  // namespace

Result<EventPage> EventSearch::find(const Context& ctx, const EventQuery& query) const {
  const Where where = where_of(query);
  const std::size_t limit = std::clamp<std::size_t>(query.limit, 1, kMaxEvents);
  const std::string end = where.text + " ORDER BY id DESC LIMIT " + std::to_string(limit + 1);
  const auto branch = [&](std::string_view events) {
    return "(SELECT * FROM (" + std::string{events} + ") e" + end + ")";
  };
  std::string branches;
  const auto wanted = [&](bool final) {
    return query.states.empty() || std::any_of(query.states.begin(), query.states.end(),
                                               [&](State state) { return is_final(state) == final; });
  };
  if (wanted(false)) branches = branch(kOpen);
  if (wanted(true)) branches += (branches.empty() ? "" : " UNION ALL ") + branch(kEnded);
  TP_ASSIGN_OR_RETURN(const Rows rows,
                      pool_.execute(ctx,
                                    std::string{kColumns} + " FROM (" + branches +
                                        ") e ORDER BY id DESC LIMIT " + std::to_string(limit + 1),
                                    where.params));
  EventPage page;
  page.more = rows.size() > limit;
  for (std::size_t row = 0; row < std::min(rows.size(), limit); ++row)
    page.events.push_back(summary_of(rows, row));
  return page;
}

Result<std::vector<AttemptSummary>> EventSearch::attempts(const Context& ctx, const EventId& id) const {
  TP_ASSIGN_OR_RETURN(const Rows rows,
                      pool_.execute(ctx,
                                    "SELECT n, " TP_MICROS("started_at") ", " TP_MICROS(
                                        "finished_at") ", agent, outcome, http_status, detail FROM ("
                                                       "SELECT n, started_at, finished_at, agent, outcome, "
                                                       "http_status, detail FROM orchestrator.attempts "
                                                       "WHERE event_id = $1::uuid UNION ALL SELECT attempts, "
                                                       "attempt_began, NULL, attempt_agent, 'open', "
                                                       "NULL, '' FROM orchestrator.inbox WHERE id = $1::uuid "
                                                       "AND attempt_open) a ORDER BY n, finished_at "
                                                       "NULLS LAST",
                                    Params{}.add(id.view())));
  std::vector<AttemptSummary> attempts;
  for (std::size_t row = 0; row < rows.size(); ++row) {
    std::optional<int> http_status;
    if (!rows.is_null(row, 5)) http_status = static_cast<int>(rows.integer(row, 5));
    attempts.push_back({static_cast<int>(rows.integer(row, 0)), time_of(rows, row, 1),
                        optional_time(rows, row, 2), std::string{rows.text(row, 3)},
                        std::string{rows.text(row, 4)}, http_status, std::string{rows.text(row, 6)}});
  }
  return attempts;
}

bool is_event_id(std::string_view text) noexcept {
  if (text.size() != 36) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    const bool digit = (text[i] >= '0' && text[i] <= '9') || (text[i] >= 'a' && text[i] <= 'f');
    if (dash ? text[i] != '-' : !digit) return false;
  }
  return true;
}

}  // namespace tp::gateway
