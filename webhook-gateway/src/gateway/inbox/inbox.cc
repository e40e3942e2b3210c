#include "gateway/inbox/inbox.h"

#include <algorithm>
#include <array>
#include <utility>

#include <nlohmann/json.hpp>

#include "gateway/inbox/replay.h"
#include "json/parse.h"
#include "postgres/params.h"

namespace tp::gateway {
namespace {

using postgres::Params;
using postgres::Rows;
using std::chrono::milliseconds;

// How often the events of a lost claim are given back: its statement may have been under way still.
constexpr int kForgetTimes = 3;

constexpr std::array<std::string_view, 10> kStates{"received", "ready", "held",    "running",  "retrying",
                                                   "unknown",  "done",  "ignored", "unrouted", "dead"};

// The columns that event_of() reads, of inbox i and payloads p.
#define TP_EVENT_COLUMNS                                                                                \
  "i.id, i.fence, i.source, i.endpoint, i.scope_org, i.scope_team, i.kind, i.provider_id, i.failures, " \
  "i.attempts, i.uncertain, (extract(epoch FROM i.received_at) * 1000)::bigint, "                       \
  "(extract(epoch FROM now() - i.since) * 1000)::bigint, "                                              \
  "(extract(epoch FROM coalesce(i.retry_until, now()) - now()) * 1000)::bigint, p.headers, p.body"

ClaimedEvent event_of(const Rows& rows, std::size_t row) {
  ClaimedEvent claimed;
  claimed.claim = {EventId{std::string{rows.text(row, 0)}}, rows.integer(row, 1)};
  claimed.failures = static_cast<int>(rows.integer(row, 8));
  claimed.attempts = static_cast<int>(rows.integer(row, 9));
  claimed.uncertain = static_cast<int>(rows.integer(row, 10));
  claimed.age = milliseconds{rows.integer(row, 12)};
  claimed.retry_for = milliseconds{rows.integer(row, 13)};
  StoredEvent& event = claimed.event;
  event.id = claimed.claim.id;
  event.source = parse_source(rows.text(row, 2)).value_or(SourceKind::Generic);
  event.endpoint = rows.text(row, 3);
  event.scope = {std::string{rows.text(row, 4)}, std::string{rows.text(row, 5)}};
  event.kind = rows.text(row, 6);
  event.provider_id = rows.text(row, 7);
  event.received_at = WallTime{milliseconds{rows.integer(row, 11)}};
  event.body = rows.bytes(row, 15);
  if (const auto headers = json::parse(rows.text(row, 14)); headers && headers->is_object()) {
    for (const auto& [name, value] : headers->items()) {
      if (value.is_string()) event.headers.emplace_back(name, value.get<std::string>());
    }
  }
  return claimed;
}

std::vector<ClaimedEvent> events_of(const Rows& rows) {
  std::vector<ClaimedEvent> events;
  for (std::size_t row = 0; row < rows.size(); ++row) events.push_back(event_of(rows, row));
  return events;
}

// The payload of each row of `i`. One look into an index each, whatever the planner knows of a partition of
// today.
#define TP_PAYLOAD                                                                         \
  "CROSS JOIN LATERAL (SELECT * FROM orchestrator.payloads b WHERE b.event_id = i.id AND " \
  "b.received_at = i.received_at LIMIT 1) p"

// That the worker $1 is alive. Besides, a claim need not be on disk to be good, since nothing is done about
// it before a later transaction is (kBegin, kRoute), and that one brings all earlier ones with it.
#define TP_ALIVE                                                                                      \
  "EXISTS (SELECT 1 FROM orchestrator.workers w WHERE w.id = $1::uuid AND w.alive_until > now() AND " \
  "set_config('synchronous_commit', 'off', true) <> '')"

// Arrays of one column each, for unnest.
template <class Items, class F>
std::vector<std::string> texts(const Items& items, F&& f) {
  std::vector<std::string> values;
  values.reserve(items.size());
  for (const auto& item : items) values.emplace_back(f(item));
  return values;
}
template <class Items, class F>
std::vector<std::int64_t> bigints(const Items& items, F&& f) {
  std::vector<std::int64_t> values;
  values.reserve(items.size());
  for (const auto& item : items) values.push_back(static_cast<std::int64_t>(f(item)));
  return values;
}

// Gives a turn to the teams of a CTE, and back what its rows had taken of their limits (`refund`, an integer
// for each row). Rows are locked in one order, so that two statements that wake the same teams cannot wait
// for each other.
#define TP_WAKE(cte, refund)                                                                               \
  "woken AS (UPDATE orchestrator.team_queues q SET next_due = least(coalesce(q.next_due, now()), now()), " \
  "tokens = q.tokens + w.back, hour_runs = greatest(0, q.hour_runs - w.back) "                             \
  "FROM (SELECT l.org_id, l.team_node_id, c.back FROM (SELECT org_id, team_node_id, sum(" refund           \
  ")::integer AS back FROM " cte                                                                           \
  " WHERE org_id IS NOT NULL GROUP BY 1, 2 ORDER BY 1, 2) c CROSS JOIN LATERAL (SELECT org_id, "           \
  "team_node_id "                                                                                          \
  "FROM orchestrator.team_queues t WHERE t.org_id = c.org_id AND t.team_node_id = c.team_node_id FOR "     \
  "UPDATE) "                                                                                               \
  "l) w WHERE q.org_id = w.org_id AND q.team_node_id = w.team_node_id)"

// Besides the claims of those who are gone, those of workers that are not in the table at all: a claim that
// was slow may have come after its worker had been taken out.
const std::string kReap =
    R"sql(
WITH gone AS (
  DELETE FROM orchestrator.workers WHERE id IN (
    SELECT id FROM orchestrator.workers WHERE alive_until < now() FOR UPDATE SKIP LOCKED) RETURNING id
), freed AS (
  UPDATE orchestrator.inbox i SET
    worker_id = NULL,
    state = CASE WHEN i.state <> 'running' THEN i.state WHEN i.attempt_open THEN 'unknown' ELSE 'ready' END,
    reason = 'worker_lost',
    due_at = CASE WHEN i.attempt_open THEN greatest(i.attempt_ends, now()) ELSE now() END,
    uncertain = i.uncertain + i.attempt_open::int,
    attempt_open = false
  WHERE i.worker_id IN (SELECT c.worker_id FROM (
    SELECT DISTINCT worker_id FROM orchestrator.inbox WHERE worker_id IS NOT NULL) c
    WHERE c.worker_id IN (SELECT id FROM gone)
      OR NOT EXISTS (SELECT 1 FROM orchestrator.workers w WHERE w.id = c.worker_id))
  RETURNING i.*
), cut AS (
  INSERT INTO orchestrator.attempts (event_id, n, started_at, agent, outcome, detail)
  SELECT f.id, f.attempts, f.attempt_began, f.attempt_agent, 'unknown', 'the worker was lost'
  FROM freed f JOIN orchestrator.inbox before ON before.id = f.id AND before.attempt_open
), )sql" TP_WAKE("freed", "(state = 'ready')::int") " SELECT count(*) FROM freed";

// What a claim whose answer was lost may have taken: nobody knows of it, so nothing has been done with it.
const std::string kForget = R"sql(
WITH freed AS (
  UPDATE orchestrator.inbox SET worker_id = NULL, state = CASE state WHEN 'running' THEN 'ready' ELSE state END,
    reason = 'claim_lost'
  WHERE worker_id = $1::uuid AND claim = ANY ($2) AND NOT attempt_open
  RETURNING org_id, team_node_id, state
), )sql" TP_WAKE("freed", "(state = 'ready')::int") " SELECT count(*) FROM freed";

const std::string kClaimReceived =
    R"sql(
WITH next AS (
  SELECT id FROM orchestrator.inbox
  WHERE state = 'received' AND worker_id IS NULL AND lane = $2 AND due_at <= now()
    AND )sql" TP_ALIVE R"sql(
  ORDER BY due_at, id LIMIT $3 FOR UPDATE SKIP LOCKED
), i AS (
  UPDATE orchestrator.inbox SET worker_id = $1::uuid, claim = $4, fence = fence + 1
  WHERE id IN (SELECT id FROM next) RETURNING *
)
SELECT )sql" TP_EVENT_COLUMNS R"sql(
FROM i )sql" TP_PAYLOAD " ORDER BY i.received_at, i.id";

const std::string kRoute = R"sql(
WITH input AS MATERIALIZED (
  SELECT * FROM unnest($1::text[]::uuid[], $2::bigint[], $3::text[], $4::text[], $5::bigint[])
    AS t(id, fence, org_id, team_node_id, retry_s)
), routed AS (
  UPDATE orchestrator.inbox i SET state = 'ready', reason = '', org_id = t.org_id, team_node_id = t.team_node_id,
    worker_id = NULL, failures = 0, due_at = i.since, retry_until = i.since + t.retry_s * interval '1 s'
  FROM input t WHERE i.id = t.id AND i.fence = t.fence AND (i.worker_id = $6::uuid OR i.worker_id IS NULL)
    AND i.state = 'received'
  RETURNING i.org_id, i.team_node_id
)
INSERT INTO orchestrator.team_queues AS q (org_id, team_node_id, next_due)
SELECT DISTINCT org_id, team_node_id, now() FROM routed ORDER BY 1, 2
ON CONFLICT (org_id, team_node_id) DO UPDATE SET next_due = least(coalesce(q.next_due, now()), now()))sql";

// The team whose turn it is. Nobody else has a turn of it until the transaction ends.
const std::string kTurn = R"sql(
SELECT org_id, team_node_id FROM orchestrator.team_queues
WHERE next_due <= now() ORDER BY served_at LIMIT 1 FOR UPDATE SKIP LOCKED)sql";

// Its meter, its running events and the controls that apply to it: a control holds for a team when each of
// its names is the team's or empty, and the most specific number counts. A statement of its own, because it
// must see what the turn before brought, and a statement sees only what was committed when it began.
const std::string kTeam = R"sql(
SELECT q.tokens IS NULL, coalesce(q.tokens, 0)::text,
       (extract(epoch FROM q.tokens_at) * 1e6)::bigint, (extract(epoch FROM q.hour_begun) * 1e6)::bigint, q.hour_runs,
       (extract(epoch FROM now()) * 1e6)::bigint,
       (SELECT count(*) FROM orchestrator.inbox i
        WHERE i.org_id = q.org_id AND i.team_node_id = q.team_node_id AND i.state = 'running'),
       coalesce((SELECT bool_or(c.paused) FROM orchestrator.controls c
        WHERE c.source = '' AND c.org_id IN ('', q.org_id) AND c.team_node_id IN ('', q.team_node_id)), false),
       (SELECT c.runs_per_hour FROM orchestrator.controls c
        WHERE c.source = '' AND c.org_id IN ('', q.org_id) AND c.team_node_id IN ('', q.team_node_id)
          AND c.runs_per_hour IS NOT NULL ORDER BY c.org_id DESC, c.team_node_id DESC LIMIT 1),
       ARRAY(SELECT c.source FROM orchestrator.controls c
        WHERE c.source <> '' AND c.paused AND c.org_id IN ('', q.org_id) AND c.team_node_id IN ('', q.team_node_id)),
       coalesce((SELECT r.service_url FROM orchestrator.team_runtimes r
        WHERE r.org_id = q.org_id AND r.team_node_id = q.team_node_id AND r.ready), '')
FROM orchestrator.team_queues q WHERE q.org_id = $1 AND q.team_node_id = $2)sql";

// An event waits for every older one of its order key that has not ended. Those that wait are put off for a
// moment, so that a long queue behind one event is not looked at in every turn; the end of their predecessor
// makes the next one due at once (kSettleFinal). The last column says whether there may be more to look at.
const std::string kClaimTeam =
    R"sql(
WITH candidates AS MATERIALIZED (
  SELECT id, due_at, order_key IS NOT NULL AND EXISTS (
      SELECT 1 FROM orchestrator.inbox o
      WHERE o.order_key = e.order_key AND (o.received_at, o.id) < (e.received_at, e.id)) AS blocked
  FROM orchestrator.inbox e
  WHERE org_id = $2 AND team_node_id = $3 AND state IN ('ready', 'retrying') AND due_at <= now()
    AND NOT source = ANY ($4::text[])
    AND )sql" TP_ALIVE R"sql(
  ORDER BY due_at, id LIMIT $5::bigint + 200 FOR UPDATE SKIP LOCKED
), put_off AS (
  UPDATE orchestrator.inbox SET due_at = now() + interval '15 s'
  WHERE id = ANY (ARRAY(SELECT id FROM candidates WHERE blocked))
), i AS (
  UPDATE orchestrator.inbox SET state = 'running', reason = '', worker_id = $1::uuid, claim = $6,
    fence = fence + 1, attempt_open = false
  WHERE id = ANY (ARRAY(SELECT id FROM candidates WHERE NOT blocked ORDER BY due_at, id LIMIT $5::bigint)) RETURNING *
)
SELECT )sql" TP_EVENT_COLUMNS R"sql(, c.more
FROM (SELECT count(*) = $5::bigint + 200 AS more FROM candidates) c
LEFT JOIN (i )sql" TP_PAYLOAD ") ON true ORDER BY i.received_at, i.id";

// $3: when to look again: 'now', after an interval, 'due' (with the next event that is not due yet) or
// 'wake'.
const std::string kEndTurn = R"sql(
UPDATE orchestrator.team_queues q SET served_at = now(), tokens = $4::float8,
  tokens_at = to_timestamp($5::bigint / 1e6), hour_begun = to_timestamp($6::bigint / 1e6), hour_runs = $7::int,
  held = $8, next_due = CASE $3 WHEN 'now' THEN now() WHEN 'wake' THEN NULL
    WHEN 'due' THEN (SELECT min(i.due_at) FROM orchestrator.inbox i
      WHERE i.org_id = q.org_id AND i.team_node_id = q.team_node_id AND i.state IN ('ready', 'retrying')
        AND i.due_at > now())
    ELSE now() + $3::interval END
WHERE q.org_id = $1 AND q.team_node_id = $2)sql";

const std::string kBegin = R"sql(
WITH input AS MATERIALIZED (
  SELECT * FROM unnest($2::text[]::uuid[], $3::bigint[], $4::text[], $5::bigint[]) AS t(id, fence, agent, limit_ms)
)
UPDATE orchestrator.inbox i SET attempt_open = true, attempts = i.attempts + (NOT i.attempt_open)::int, attempt_began = now(),
  attempt_ends = now() + t.limit_ms * interval '1 ms', attempt_agent = t.agent,
  started_at = coalesce(i.started_at, now())
FROM input t WHERE i.id = t.id AND i.fence = t.fence AND i.worker_id = $1::uuid AND i.state = 'running'
RETURNING i.id)sql";

const std::string kClaimUnknown =
    R"sql(
WITH next AS (
  SELECT id FROM orchestrator.inbox
  WHERE state = 'unknown' AND worker_id IS NULL AND due_at <= now()
    AND )sql" TP_ALIVE R"sql(
  ORDER BY due_at LIMIT $2 FOR UPDATE SKIP LOCKED
), i AS (
  UPDATE orchestrator.inbox SET worker_id = $1::uuid, claim = $3, fence = fence + 1
  WHERE id IN (SELECT id FROM next) RETURNING *
)
SELECT )sql" TP_EVENT_COLUMNS
    R"sql(, i.org_id, i.team_node_id, (extract(epoch FROM i.started_at) * 1000)::bigint
FROM i )sql" TP_PAYLOAD;

#define TP_SETTLE_INPUT                                                                                    \
  "WITH input AS MATERIALIZED (SELECT * FROM unnest($1::text[]::uuid[], $2::bigint[], $3::text[], "        \
  "$4::text[], $5::text[], $6::bigint[], $7::text[], $8::bigint[], $9::bigint[], $10::bigint[]) AS t(id, " \
  "fence, next_state, next_reason, outcome, http_status, detail, delay_ms, failed, uncertain_more)), "

#define TP_RECORD_ATTEMPTS(cte)                                                                            \
  "recorded AS (INSERT INTO orchestrator.attempts (event_id, n, started_at, agent, outcome, http_status, " \
  "detail) SELECT id, attempts, attempt_began, attempt_agent, outcome, nullif(http_status, 0), detail "    \
  "FROM " cte " WHERE outcome <> '' AND attempt_began IS NOT NULL)"

// A worker that was given up may still bring the outcome of its run, as long as nobody else has claimed the
// event: that is better knowledge than "unknown".
const std::string kSettleFinal = TP_SETTLE_INPUT R"sql(
gone AS (
  DELETE FROM orchestrator.inbox i USING input t
  WHERE i.id = t.id AND i.fence = t.fence AND (i.worker_id = $11::uuid OR i.worker_id IS NULL)
  RETURNING i.*, t.next_state, t.next_reason, t.outcome, t.http_status, t.detail, t.uncertain_more
), kept AS (
  INSERT INTO orchestrator.events (id, source, endpoint, scope_org, scope_team, kind, provider_id, order_key, lane,
    body_bytes, received_at, state, reason, org_id, team_node_id, attempts, uncertain, duplicates, fence, started_at)
  SELECT id, source, endpoint, scope_org, scope_team, kind, provider_id, order_key, lane, body_bytes, received_at,
    next_state, next_reason, coalesce(org_id, nullif(scope_org, '')), coalesce(team_node_id, nullif(scope_team, '')),
    attempts, uncertain + uncertain_more, duplicates, fence, started_at
  FROM gone
), next AS (  -- those that waited for it
  UPDATE orchestrator.inbox i SET due_at = now() FROM gone g CROSS JOIN LATERAL (
    SELECT o.id FROM orchestrator.inbox o
    WHERE o.order_key = g.order_key AND (o.received_at, o.id) > (g.received_at, g.id)
      AND o.id <> ALL ($1::text[]::uuid[])
    ORDER BY o.received_at, o.id LIMIT 1) n
  WHERE i.id = n.id AND i.state IN ('received', 'ready') AND i.worker_id IS NULL
  RETURNING i.org_id, i.team_node_id
), concerned AS (
  SELECT org_id, team_node_id FROM gone UNION ALL SELECT org_id, team_node_id FROM next
), )sql" TP_RECORD_ATTEMPTS("gone") ", " TP_WAKE("concerned", "0") " SELECT count(*) FROM gone";

// Once only: the statement may come again when its answer was lost. A start that was refused was none, so it
// does not count against the team's limits.
const std::string kSettleOpen = TP_SETTLE_INPUT R"sql(
moved AS (
  UPDATE orchestrator.inbox i SET state = t.next_state, reason = t.next_reason, worker_id = NULL,
    due_at = now() + t.delay_ms * interval '1 ms', attempt_open = false,
    failures = i.failures + t.failed, uncertain = i.uncertain + t.uncertain_more
  FROM input t WHERE i.id = t.id AND i.fence = t.fence
    AND (i.worker_id = $11::uuid OR (i.worker_id IS NULL AND i.reason = 'worker_lost'))
  RETURNING i.*, t.outcome, t.http_status, t.detail, t.uncertain_more
), )sql" TP_RECORD_ATTEMPTS("moved") ", " TP_WAKE(
    "moved", "(state = 'retrying' AND uncertain_more = 0)::int") " SELECT count(*) FROM moved";

const std::string kDuplicates = R"sql(
WITH taken AS (
  DELETE FROM orchestrator.duplicates WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM orchestrator.duplicates LIMIT 1000 FOR UPDATE SKIP LOCKED)) RETURNING event_id
), counted AS (
  SELECT event_id, count(*)::int AS n FROM taken GROUP BY 1
), open AS (
  UPDATE orchestrator.inbox i SET duplicates = i.duplicates + n FROM counted WHERE i.id = event_id
), ended AS (
  UPDATE orchestrator.events e SET duplicates = e.duplicates + n FROM counted WHERE e.id = event_id RETURNING e.*
)
SELECT id FROM ended WHERE source = 'github' AND state = 'dead')sql";

const std::string kWakeForgotten = R"sql(
UPDATE orchestrator.team_queues SET next_due = now() WHERE (org_id, team_node_id) IN (
  SELECT org_id, team_node_id FROM orchestrator.team_queues q WHERE next_due IS NULL AND EXISTS (
    SELECT 1 FROM orchestrator.inbox i WHERE i.org_id = q.org_id AND i.team_node_id = q.team_node_id
      AND i.state IN ('ready', 'retrying') AND i.due_at <= now()) FOR UPDATE SKIP LOCKED))sql";

const std::string kDepth = R"sql(
SELECT CASE WHEN i.state = 'ready' AND q.held <> '' THEN 'held' ELSE i.state END, count(*),
  coalesce((extract(epoch FROM now() - min(i.since) FILTER (WHERE i.state = 'received' OR (i.state = 'ready' AND q.held = '')))
            * 1000)::bigint, 0)
FROM orchestrator.inbox i LEFT JOIN orchestrator.team_queues q USING (org_id, team_node_id) GROUP BY 1)sql";

Status done(Result<Rows> rows) {
  if (!rows) return std::move(rows).error();
  return ok();
}

WallTime micros(std::int64_t n) { return WallTime{std::chrono::microseconds{n}}; }
std::int64_t micros(WallTime time) {
  return std::chrono::duration_cast<std::chrono::microseconds>(time.time_since_epoch()).count();
}

// What a team may do in its turn.
struct Turn {
  RunMeter meter;
  Allowance allowed;
  WallTime now;
  bool paused = false;
  std::string paused_sources;  // as PostgreSQL's array text
};

Turn turn_of(const Rows& rows, TeamLimits limits) {
  Turn turn;
  const bool full = rows.boolean(0, 0);
  turn.meter = {full ? static_cast<double>(limits.burst) : std::stod(std::string{rows.text(0, 1)}),
                micros(rows.integer(0, 2)), micros(rows.integer(0, 3)), static_cast<int>(rows.integer(0, 4))};
  turn.now = micros(rows.integer(0, 5));
  if (!rows.is_null(0, 8)) limits.per_hour = static_cast<int>(rows.integer(0, 8));
  turn.paused = rows.boolean(0, 7) || (!rows.is_null(0, 8) && limits.per_hour == 0);
  turn.paused_sources = rows.text(0, 9);
  turn.allowed = allowance(turn.meter, limits, static_cast<int>(rows.integer(0, 6)), turn.now);
  return turn;
}

// Runs `f` as one transaction of `database`.
template <class F>
auto transaction(const Context& ctx, postgres::Connection& database, F&& f) -> decltype(f()) {
  TP_TRY(database.execute(ctx, "BEGIN"));
  auto done = f();
  auto ended = database.execute(ctx, done ? "COMMIT" : "ROLLBACK");
  if (done && !ended) return std::move(ended).error();
  return done;
}

}  // namespace

std::string_view to_string(State state) noexcept { return kStates.at(static_cast<std::size_t>(state)); }

std::optional<State> parse_state(std::string_view name) noexcept {
  const auto* const at = std::find(kStates.begin(), kStates.end(), name);
  if (at == kStates.end()) return std::nullopt;
  return static_cast<State>(at - kStates.begin());
}

Inbox::Inbox(postgres::Pool& pool, std::string worker, std::string host, milliseconds lease)
    : pool_(pool), worker_(std::move(worker)), host_(std::move(host)), lease_(lease) {}

Status Inbox::heartbeat(const Context& ctx) {
  TP_TRY(pool_.execute(ctx,
                       "INSERT INTO orchestrator.workers AS w (id, host, alive_until) VALUES ($1, $2, "
                       "now() + $3::bigint * interval '1 ms') "
                       "ON CONFLICT (id) DO UPDATE SET alive_until = excluded.alive_until",
                       Params{}.add(worker_).add(host_).add(std::int64_t{lease_.count()})));
  std::vector<std::int64_t> lost;
  {
    const MutexLock lock{m_};
    for (const auto& [claim, times] : lost_) lost.push_back(claim);
  }
  if (lost.empty()) return ok();
  TP_TRY(pool_.execute(ctx, kForget, Params{}.add(worker_).add_bigints(lost)));
  const MutexLock lock{m_};
  for (const std::int64_t claim : lost) {
    const auto it = lost_.find(claim);
    if (--it->second == 0) lost_.erase(it);
  }
  return ok();
}

template <class F>
auto Inbox::claim(F&& f) -> decltype(f(std::int64_t{})) {
  const std::int64_t number = ++claims_;
  auto claimed = f(number);
  if (!claimed) {
    const MutexLock lock{m_};
    lost_[number] = kForgetTimes;
  }
  return claimed;
}

Result<std::size_t> Inbox::reap(const Context& ctx) {
  TP_ASSIGN_OR_RETURN(const Rows rows, pool_.execute(ctx, kReap));
  return static_cast<std::size_t>(rows.integer(0, 0));
}

Status Inbox::retire(const Context& ctx) {
  TP_TRY(pool_.execute(ctx, "UPDATE orchestrator.workers SET alive_until = '-infinity' WHERE id = $1",
                       Params{}.add(worker_)));
  TP_TRY(reap(ctx));
  return ok();
}

Result<std::vector<ClaimedEvent>> Inbox::claim_received(const Context& ctx, Lane lane, std::size_t most) {
  TP_ASSIGN_OR_RETURN(const Rows rows, claim([&](std::int64_t number) {
                        return pool_.execute(
                            ctx, kClaimReceived,
                            Params{}.add(worker_).add(static_cast<std::int64_t>(lane)).add(most).add(number));
                      }));
  return events_of(rows);
}

Status Inbox::route(const Context& ctx, const std::vector<Route>& routes) {
  if (routes.empty()) return ok();
  return done(
      pool_.execute(ctx, kRoute,
                    Params{}
                        .add_texts(texts(routes, [](const Route& r) { return r.claim.id.str(); }))
                        .add_bigints(bigints(routes, [](const Route& r) { return r.claim.fence; }))
                        .add_texts(texts(routes, [](const Route& r) { return r.org_id; }))
                        .add_texts(texts(routes, [](const Route& r) { return r.team_node_id; }))
                        .add_bigints(bigints(routes, [](const Route& r) { return r.retry_for.count(); }))
                        .add(worker_)));
}

Result<std::optional<TeamClaim>> Inbox::claim_team(const Context& ctx,
                                                   const TeamLimits& limits,
                                                   std::size_t most) {
  TP_ASSIGN_OR_RETURN(const postgres::Pool::Lease database, pool_.acquire(ctx));
  const auto turn = [&](std::int64_t number) -> Result<std::optional<TeamClaim>> {
    TP_ASSIGN_OR_RETURN(const Rows team, database->execute(ctx, kTurn));
    if (team.empty()) return std::optional<TeamClaim>{};
    TeamClaim claimed{std::string{team.text(0, 0)}, std::string{team.text(0, 1)}, {}, {}};
    TP_ASSIGN_OR_RETURN(
        const Rows row,
        database->execute(ctx, kTeam, Params{}.add(claimed.org_id).add(claimed.team_node_id)));
    claimed.runtime_url = row.text(0, 10);
    Turn state = turn_of(row, limits);
    const auto allowed = static_cast<std::size_t>(state.paused ? 0 : state.allowed.runs);
    bool more = false;
    if (const std::size_t room = std::min(most, allowed); room > 0) {
      TP_ASSIGN_OR_RETURN(const Rows rows, database->execute(ctx, kClaimTeam,
                                                             Params{}
                                                                 .add(worker_)
                                                                 .add(claimed.org_id)
                                                                 .add(claimed.team_node_id)
                                                                 .add(state.paused_sources)
                                                                 .add(room)
                                                                 .add(number)));
      more = rows.boolean(0, 16);
      if (!rows.is_null(0, 0)) claimed.events = events_of(rows);
      more = more || claimed.events.size() == room;
      spend(state.meter, static_cast<int>(claimed.events.size()));
    }
    std::string again = "due";
    std::string held;
    if (state.paused) {
      again = "wake";  // by the control
      held = "paused";
    } else if (claimed.events.size() < allowed) {
      if (more) again = "now";
    } else if (state.allowed.again_at) {
      const auto wait = std::chrono::ceil<milliseconds>(*state.allowed.again_at - state.now);
      again = std::to_string(wait.count()) + " ms";
      held = state.allowed.reason;
    } else {
      again = "wake";  // by the end of a run
      held = "in_flight";
    }
    TP_TRY(database->execute(ctx, kEndTurn,
                             Params{}
                                 .add(claimed.org_id)
                                 .add(claimed.team_node_id)
                                 .add(again)
                                 .add(std::to_string(state.meter.tokens))
                                 .add(micros(state.meter.tokens_at))
                                 .add(micros(state.meter.hour_begun))
                                 .add(state.meter.hour_runs)
                                 .add(held)));
    return std::optional<TeamClaim>{std::move(claimed)};
  };
  return claim(
      [&](std::int64_t number) { return transaction(ctx, *database, [&] { return turn(number); }); });
}

Result<std::vector<EventId>> Inbox::begin_attempts(const Context& ctx, const std::vector<Begin>& begins) {
  TP_ASSIGN_OR_RETURN(
      const Rows rows,
      pool_.execute(ctx, kBegin,
                    Params{}
                        .add(worker_)
                        .add_texts(texts(begins, [](const Begin& b) { return b.claim.id.str(); }))
                        .add_bigints(bigints(begins, [](const Begin& b) { return b.claim.fence; }))
                        .add_texts(texts(begins, [](const Begin& b) { return b.agent; }))
                        .add_bigints(bigints(begins, [](const Begin& b) { return b.run_limit.count(); }))));
  std::vector<EventId> begun;
  for (std::size_t row = 0; row < rows.size(); ++row) begun.emplace_back(std::string{rows.text(row, 0)});
  return begun;
}

Result<std::vector<UnknownRun>> Inbox::claim_unknown(const Context& ctx, std::size_t most) {
  TP_ASSIGN_OR_RETURN(const Rows rows, claim([&](std::int64_t number) {
                        return pool_.execute(ctx, kClaimUnknown, Params{}.add(worker_).add(most).add(number));
                      }));
  std::vector<UnknownRun> runs;
  for (std::size_t row = 0; row < rows.size(); ++row) {
    runs.push_back({event_of(rows, row), std::string{rows.text(row, 16)}, std::string{rows.text(row, 17)},
                    WallTime{milliseconds{rows.integer(row, 18)}}});
  }
  return runs;
}

Status Inbox::settle(const Context& ctx, const std::vector<Settlement>& settlements) {
  std::vector<const Settlement*> final;
  std::vector<const Settlement*> open;
  for (const Settlement& settlement : settlements)
    (is_final(settlement.state) ? final : open).push_back(&settlement);
  const auto params = [this](const std::vector<const Settlement*>& some) {
    return Params{}
        .add_texts(texts(some, [](const Settlement* s) { return s->claim.id.str(); }))
        .add_bigints(bigints(some, [](const Settlement* s) { return s->claim.fence; }))
        .add_texts(texts(some, [](const Settlement* s) { return to_string(s->state); }))
        .add_texts(texts(some, [](const Settlement* s) { return s->reason; }))
        .add_texts(texts(some, [](const Settlement* s) { return s->outcome; }))
        .add_bigints(bigints(some, [](const Settlement* s) { return s->http_status.value_or(0); }))
        .add_texts(texts(some, [](const Settlement* s) { return s->detail; }))
        .add_bigints(bigints(some, [](const Settlement* s) { return s->delay.count(); }))
        .add_bigints(bigints(some, [](const Settlement* s) { return s->failed ? 1 : 0; }))
        .add_bigints(bigints(some, [](const Settlement* s) { return s->uncertain ? 1 : 0; }))
        .add(worker_);
  };
  if (!final.empty()) TP_TRY(pool_.execute(ctx, kSettleFinal, params(final)));
  if (!open.empty()) TP_TRY(pool_.execute(ctx, kSettleOpen, params(open)));
  return ok();
}

Status Inbox::count_duplicates(const Context& ctx) {
  TP_ASSIGN_OR_RETURN(const postgres::Pool::Lease database, pool_.acquire(ctx));
  // There are seldom any, and the statement that counts them looks into every partition.
  TP_ASSIGN_OR_RETURN(const Rows any,
                      database->execute(ctx, "SELECT 1 FROM orchestrator.duplicates LIMIT 1"));
  if (any.empty()) return ok();
  return transaction(ctx, *database, [&]() -> Status {
    TP_ASSIGN_OR_RETURN(const Rows dead, database->execute(ctx, kDuplicates));
    for (std::size_t row = 0; row < dead.size(); ++row)
      TP_TRY(reopen(ctx, *database, EventId{std::string{dead.text(row, 0)}}, "redelivered", {State::Dead}));
    return ok();
  });
}

Status Inbox::wake_forgotten(const Context& ctx) { return done(pool_.execute(ctx, kWakeForgotten)); }

Status Inbox::maintain(const Context& ctx, int payload_days, int event_days) {
  return done(
      pool_.execute(ctx, "SELECT orchestrator.maintain($1, $2)", Params{}.add(payload_days).add(event_days)));
}

Result<Depth> Inbox::depth(const Context& ctx) {
  TP_ASSIGN_OR_RETURN(const Rows rows, pool_.execute(ctx, kDepth));
  Depth depth;
  for (std::size_t row = 0; row < rows.size(); ++row) {
    const auto state = parse_state(rows.text(row, 0));
    if (!state) continue;
    depth.events[*state] = rows.integer(row, 1);
    depth.oldest = std::max(depth.oldest, milliseconds{rows.integer(row, 2)});
  }
  return depth;
}

}  // namespace tp::gateway
