#include "gateway/inbox/writer.h"

#include <algorithm>
#include <cstdint>
#include <string_view>
#include <utility>

#include <nlohmann/json.hpp>

#include "base/thread_name.h"
#include "crypto/sha256.h"
#include "gateway/inbox/event_id.h"
#include "json/parse.h"
#include "postgres/params.h"

namespace tp::gateway {
namespace {

using Batch = std::vector<const NewEvent*>;

// With less time than this an item is not tried: a statement that is given up costs its connection, and with
// it the time of those who wait behind.
constexpr std::chrono::milliseconds kLeastTime{50};

// While another flusher is at work, what comes waits for it until there are so many requests: a statement
// costs the database about 0.6 ms besides its rows, which is the price of some fifteen of them.
constexpr std::size_t kWorthAStatement = 64;
// But no longer than this, for the other one may have a huge body, or a database that does not answer.
constexpr std::chrono::milliseconds kPatience{10};

// Sixteen bytes that stand for one id of one tenant of one source; "" for no id. NUL cannot occur in the
// parts before it.
std::string key_of(const NewEvent& event, std::string_view kind, std::string_view id) {
  if (id.empty()) return {};
  std::string text{to_string(event.source)};
  for (const std::string_view part : {std::string_view{event.endpoint}, std::string_view{event.scope.org_id},
                                      std::string_view{event.scope.team_node_id}, kind, id}) {
    text.push_back('\0');
    text.append(part);
  }
  const auto digest = crypto::sha256(text);
  // NOLINTNEXTLINE(*-reinterpret-cast): bytes as libpq wants them
  return {reinterpret_cast<const char*>(digest.data()), 16};
}

struct Keys {
  std::vector<std::string> digest, provider, twin, order;

  explicit Keys(const Batch& batch) {
    for (const NewEvent* event : batch) {
      digest.push_back(key_of(*event, "digest", event->digest));
      provider.push_back(key_of(*event, "id", event->provider_id));
      twin.push_back(key_of(*event, "twin", event->twin_key));
      order.push_back(key_of(*event, "order", event->order_key));
    }
  }
};

std::vector<std::string_view> views(const std::vector<std::string>& texts) {
  return {texts.begin(), texts.end()};
}

template <class F>
auto column(const Batch& batch, F&& f) {
  std::vector<std::decay_t<decltype(f(*batch.front()))>> values;
  values.reserve(batch.size());
  for (const NewEvent* event : batch) values.push_back(f(*event));
  return values;
}

// Header values are any bytes; dump() makes them text.
std::string headers_text(const NewEvent& event) {
  nlohmann::json headers = nlohmann::json::object();
  for (const auto& [name, value] : event.headers) headers[name] = value;
  return json::dump(headers);
}

// Rows are written in the order of their digest keys, so that two batches that share keys cannot wait for
// each other.
const std::string kStore = R"sql(
WITH input AS MATERIALIZED (
  SELECT * FROM unnest($1::text[]::uuid[], $2::bytea[], $3::bytea[], $4::bytea[], $5::bigint[], $6::text[], $7::text[],
                       $8::text[], $9::text[], $10::text[], $11::text[], $12::bytea[], $13::bigint[], $14::text[],
                       $15::bytea[])
    AS t(id, digest_key, provider_key, twin_key, dedupe_s, source, endpoint, scope_org, scope_team, kind, provider_id,
         order_key, lane, headers, body)
), fresh AS (
  INSERT INTO orchestrator.dedupe_keys (event_id, digest_key, provider_key, twin_key, expires_at)
  SELECT id, digest_key, nullif(provider_key, ''), nullif(twin_key, ''), now() + dedupe_s * interval '1 s'
  FROM input ORDER BY digest_key
  ON CONFLICT DO NOTHING
  RETURNING event_id
), bodies AS (
  INSERT INTO orchestrator.payloads (event_id, headers, body)
  SELECT id, headers, body FROM input JOIN fresh ON id = event_id
), queued AS (
  INSERT INTO orchestrator.inbox (id, source, endpoint, scope_org, scope_team, kind, provider_id, order_key, lane,
                                  body_bytes)
  SELECT id, source, endpoint, scope_org, scope_team, kind, provider_id, nullif(order_key, ''), lane, length(body)
  FROM input JOIN fresh ON id = event_id
)
SELECT event_id FROM fresh)sql";

// What was stored before is looked for by all keys; it may have been stored under any of them.
const std::string kDuplicates = R"sql(
WITH hits AS (
  SELECT t.n, d.event_id, d.provider_key = t.provider_key AND d.digest_key <> t.digest_key AS altered
  FROM unnest($1::bytea[], $2::bytea[], $3::bytea[]) WITH ORDINALITY AS t(digest_key, provider_key, twin_key, n)
  CROSS JOIN LATERAL (
    SELECT event_id, digest_key, provider_key FROM orchestrator.dedupe_keys k WHERE k.digest_key = t.digest_key
    UNION ALL
    SELECT event_id, digest_key, provider_key FROM orchestrator.dedupe_keys k
    WHERE k.provider_key = nullif(t.provider_key, '')
    UNION ALL
    SELECT event_id, digest_key, provider_key FROM orchestrator.dedupe_keys k
    WHERE k.twin_key = nullif(t.twin_key, '')
    LIMIT 1) d
), noted AS (
  INSERT INTO orchestrator.duplicates (event_id, altered) SELECT event_id, coalesce(altered, false) FROM hits
)
SELECT n FROM hits WHERE altered)sql";

}  // namespace

struct InboxWriter::Statement {
  // The events must outlive it; their bodies need not.
  explicit Statement(const std::vector<Item>& batch) : events(events_of(batch)), keys(events) {
    for (const NewEvent* event : events) bytes += event->body.size();
    const auto texts = [&](auto member) {
      return column(events, [member](const NewEvent& event) -> std::string_view { return event.*member; });
    };
    params.add_texts(column(events, [](const NewEvent& event) { return event.id.view(); }))
        .add_bytes(views(keys.digest))
        .add_bytes(views(keys.provider))
        .add_bytes(views(keys.twin))
        .add_bigints(
            column(events, [](const NewEvent& event) { return std::int64_t{event.dedupe_for.count()}; }))
        .add_texts(column(events, [](const NewEvent& event) { return to_string(event.source); }))
        .add_texts(texts(&NewEvent::endpoint))
        .add_texts(
            column(events, [](const NewEvent& event) -> std::string_view { return event.scope.org_id; }))
        .add_texts(column(events,
                          [](const NewEvent& event) -> std::string_view { return event.scope.team_node_id; }))
        .add_texts(texts(&NewEvent::kind))
        .add_texts(texts(&NewEvent::provider_id))
        .add_bytes(views(keys.order))
        .add_bigints(
            column(events, [](const NewEvent& event) { return static_cast<std::int64_t>(event.lane); }))
        .add_texts(column(events, headers_text))
        .add_bytes(texts(&NewEvent::body));
  }

  static Batch events_of(const std::vector<Item>& batch) {
    Batch all;
    for (const Item& item : batch) {
      for (const NewEvent& event : item.events) all.push_back(&event);
    }
    return all;
  }

  Batch events;
  Keys keys;
  postgres::Params params;
  std::size_t bytes = 0;  // of the bodies
};

InboxWriter::InboxWriter(
    Options options, const Clock& clock, Rng& rng, metrics::Registry& registry, log::Logger log)
    : options_(std::move(options)),
      clock_(clock),
      rng_(rng),
      log_(std::move(log)),
      batch_sizes_(registry.histogram("webhook_gateway_inbox_batch_events",
                                      "Events of one statement of the inbox writer.",
                                      {1, 2, 4, 8, 16, 32, 64, 128, 256})),
      failures_(
          registry.counter("webhook_gateway_inbox_write_failures_total",
                           "Batches that could not be stored; their senders were told to send again.")) {
  for (std::size_t i = 0; i < options_.flushers; ++i)
    threads_.emplace_back([this](const std::stop_token& stop) { run(stop); });
}

InboxWriter::~InboxWriter() {
  for (auto& thread : threads_) thread.request_stop();
  threads_.clear();
  const MutexLock lock{m_};
  for (Item& item : queue_) item.done(Error{ErrorCode::Cancelled, "the gateway is shutting down"});
}

void InboxWriter::put(std::vector<NewEvent> events, Done done) {
  for (NewEvent& event : events) event.id = new_event_id(clock_.wall_now(), rng_);
  std::size_t waiting = 0;
  {
    const MutexLock lock{m_};
    queue_.push_back({std::move(events), std::move(done), clock_.now() + options_.deadline});
    waiting = queue_.size();
  }
  // In between nobody's mind would be changed.
  if (waiting == 1 || waiting == kWorthAStatement) changed_.notify_one();
}

void InboxWriter::run(const std::stop_token& stop) {
  set_thread_name("inbox-writer");
  std::unique_ptr<postgres::Connection> database;
  while (true) {
    std::vector<Item> batch = take(stop);
    if (batch.empty()) return;
    flush(stop, database, std::move(batch));
    const MutexLock lock{m_};
    --flushing_;
  }
}

std::vector<InboxWriter::Item> InboxWriter::take(const std::stop_token& stop) {
  const MutexLock lock{m_};
  const auto some = [this]() TP_REQUIRES(m_) { return !queue_.empty(); };
  const auto enough = [this]() TP_REQUIRES(m_) {
    return !queue_.empty() && (flushing_ == 0 || queue_.size() >= kWorthAStatement);
  };
  do {
    if (!changed_.wait(m_, stop, some)) return {};
    changed_.wait_for(m_, stop, kPatience, enough);
  } while (queue_.empty());  // another one has taken them
  ++flushing_;
  std::vector<Item> batch;
  const auto late = [&](const Item& item) { return item.deadline < clock_.now() + kLeastTime; };
  if (late(queue_.front())) {
    do {
      batch.push_back(std::move(queue_.front()));
      queue_.pop_front();
    } while (!queue_.empty() && late(queue_.front()) && batch.size() < options_.batch_events);
    if (!queue_.empty()) changed_.notify_one();
    return batch;
  }
  std::size_t events = 0;
  std::size_t bytes = 0;
  while (!queue_.empty()) {
    const Item& next = queue_.front();
    events += next.events.size();
    for (const NewEvent& event : next.events) bytes += event.body.size();
    if (!batch.empty() && (events > options_.batch_events || bytes > options_.batch_bytes)) break;
    batch.push_back(std::move(queue_.front()));
    queue_.pop_front();
  }
  if (!queue_.empty()) changed_.notify_one();  // the other flusher may have been passed over
  return batch;
}

void InboxWriter::flush(const std::stop_token& stop,
                        std::unique_ptr<postgres::Connection>& database,
                        std::vector<Item> batch) {
  // The first is the oldest. A stop request does not interrupt: what was accepted is finished within its
  // deadline.
  const Context ctx{{}, batch.front().deadline, {}};
  if (ctx.remaining(clock_) < kLeastTime) {
    for (Item& item : batch)
      item.done(Error{ErrorCode::DeadlineExceeded, "the database is too slow or too busy"});
    return;
  }
  const auto stored = store(ctx, database, batch);
  if (stored) {
    healthy_.store(true, std::memory_order_relaxed);
    bool fresh = false;
    for (std::size_t i = 0; i < batch.size(); ++i) {
      fresh = fresh || (*stored)[i].fresh > 0;
      batch[i].done((*stored)[i]);
    }
    if (fresh && wake_) wake_();
    return;
  }
  const Error& error = stored.error();
  if (error.code == ErrorCode::Internal && batch.size() > 1) {
    // The server refused a value. One sender's odd event must not fail the others.
    for (Item& item : batch) {
      std::vector<Item> alone;
      alone.push_back(std::move(item));
      flush(stop, database, std::move(alone));
    }
    return;
  }
  failures_.Increment();
  // A refused value says nothing about the database.
  if (error.code == ErrorCode::Internal || healthy_.exchange(false, std::memory_order_relaxed))
    log_.error("events could not be stored; their senders are told to send again", {{"error", error}});
  for (Item& item : batch) item.done(error);
}

Result<std::vector<InboxWriter::Stored>> InboxWriter::store(const Context& ctx,
                                                            std::unique_ptr<postgres::Connection>& database,
                                                            std::vector<Item>& batch) {
  const Statement statement{batch};
  batch_sizes_.Observe(static_cast<double>(statement.events.size()));
  // The statement has a copy of each body, and libpq makes another; a batch of several may have to be taken
  // apart. Assignment of an empty string would keep the memory.
  if (batch.size() == 1) {
    for (NewEvent& event : batch.front().events) std::string{}.swap(event.body);
  }
  auto stored = execute(ctx, database, batch, statement);
  if (!stored && stored.error().code == ErrorCode::Conflict)
    stored = execute(ctx, database, batch, statement);  // a deadlock
  // libpq keeps the buffer of its largest statement for as long as the connection lives.
  if (statement.bytes > options_.batch_bytes) database.reset();
  return stored;
}

Result<std::vector<InboxWriter::Stored>> InboxWriter::execute(const Context& ctx,
                                                              std::unique_ptr<postgres::Connection>& database,
                                                              const std::vector<Item>& batch,
                                                              const Statement& statement) {
  if (!database || !database->alive()) {
    TP_ASSIGN_OR_RETURN(database, postgres::Connection::open(ctx, options_.conninfo, clock_));
  }
  TP_ASSIGN_OR_RETURN(const postgres::Rows rows, database->execute_prepared(ctx, kStore, statement.params));
  const Keys& keys = statement.keys;
  std::vector<std::string_view> fresh;
  for (std::size_t i = 0; i < rows.size(); ++i) fresh.push_back(rows.text(i, 0));
  std::sort(fresh.begin(), fresh.end());

  std::vector<Stored> stored(batch.size());
  std::vector<std::size_t> owner;  // of each duplicate: the index of its request
  std::vector<std::string_view> digests, providers, twins;
  for (std::size_t item = 0, n = 0; item < batch.size(); ++item) {
    for (const NewEvent& event : batch[item].events) {
      if (std::binary_search(fresh.begin(), fresh.end(), event.id.view())) {
        ++stored[item].fresh;
      } else {
        ++stored[item].duplicates;
        owner.push_back(item);
        digests.push_back(keys.digest[n]);
        providers.push_back(keys.provider[n]);
        twins.push_back(keys.twin[n]);
      }
      ++n;
    }
  }
  if (owner.empty()) return stored;
  TP_ASSIGN_OR_RETURN(
      const postgres::Rows altered,
      database->execute_prepared(
          ctx, kDuplicates, postgres::Params{}.add_bytes(digests).add_bytes(providers).add_bytes(twins)));
  for (std::size_t i = 0; i < altered.size(); ++i)
    ++stored[owner[static_cast<std::size_t>(altered.integer(i, 0)) - 1]].altered;
  return stored;
}

}  // namespace tp::gateway
