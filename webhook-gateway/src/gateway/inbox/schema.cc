#include "gateway/inbox/schema.h"

#include <array>

namespace tp::gateway {
namespace {

// The schema is not "public": the Config Service keeps tables of its own there, one of them under a name of
// ours.
//
//   ingest                     worker
//   ──────                     ──────
//   dedupe_keys ─┐
//   payloads    ─┼─► inbox ──► (route) ──► team_queues ──► events, attempts
//   duplicates  ─┘   hot: only what is not ended yet       cold: by day, only inserted into
//
// Nothing that the worker does per event updates a partitioned table: to plan that takes milliseconds for
// each hundred partitions. An attempt is therefore a part of its inbox row until it has ended.
constexpr std::string_view kInbox = R"sql(
-- Remembers what was seen, long after the event itself has gone. The keys are the first 16 bytes of SHA-256 over source,
-- endpoint, scope and the id (or digest), so two tenants never meet in one key.
CREATE TABLE orchestrator.dedupe_keys (
  event_id     uuid NOT NULL,
  digest_key   bytea NOT NULL,
  provider_key bytea,
  twin_key     bytea,
  expires_at   timestamptz NOT NULL
);
CREATE UNIQUE INDEX dedupe_keys_digest ON orchestrator.dedupe_keys (digest_key);
CREATE UNIQUE INDEX dedupe_keys_provider ON orchestrator.dedupe_keys (provider_key) WHERE provider_key IS NOT NULL;
CREATE UNIQUE INDEX dedupe_keys_twin ON orchestrator.dedupe_keys (twin_key) WHERE twin_key IS NOT NULL;
CREATE INDEX dedupe_keys_expiry ON orchestrator.dedupe_keys USING brin (expires_at);

-- Bodies, apart from the inbox: they are written once, and a change of state must not copy them.
CREATE TABLE orchestrator.payloads (
  event_id    uuid NOT NULL,
  received_at timestamptz NOT NULL DEFAULT now(),
  headers     text NOT NULL,
  body        bytea NOT NULL
) PARTITION BY RANGE (received_at);
CREATE INDEX payloads_event ON orchestrator.payloads (event_id);
DO $$ BEGIN
  EXECUTE 'ALTER TABLE orchestrator.payloads ALTER COLUMN body SET COMPRESSION lz4';  -- partitions take it over
EXCEPTION WHEN feature_not_supported OR syntax_error THEN NULL;  -- a server without lz4 compresses with pglz
END $$;
CREATE TABLE orchestrator.payloads_default PARTITION OF orchestrator.payloads DEFAULT;

-- Events that have not come to their end. What the states mean: docs/inbox.md.
CREATE TABLE orchestrator.inbox (
  id            uuid PRIMARY KEY,
  source        text NOT NULL,
  endpoint      text NOT NULL DEFAULT '',
  scope_org     text NOT NULL DEFAULT '',
  scope_team    text NOT NULL DEFAULT '',
  kind          text NOT NULL,
  provider_id   text NOT NULL DEFAULT '',
  order_key     bytea,
  lane          smallint NOT NULL DEFAULT 0,
  body_bytes    integer NOT NULL DEFAULT 0,
  received_at   timestamptz NOT NULL DEFAULT now(),
  since         timestamptz NOT NULL DEFAULT now(),  -- when this life of it began: its arrival, or its replay
  state         text NOT NULL DEFAULT 'received'
                CHECK (state IN ('received', 'ready', 'running', 'retrying', 'unknown')),
  reason        text NOT NULL DEFAULT '',
  org_id        text,
  team_node_id  text,
  due_at        timestamptz NOT NULL DEFAULT now(),
  retry_until   timestamptz,
  failures      integer NOT NULL DEFAULT 0,  -- tries in a row that were refused
  attempts      integer NOT NULL DEFAULT 0,  -- POSTs to an agent that were begun
  uncertain     integer NOT NULL DEFAULT 0,  -- of them, those whose outcome nobody knew
  started_at    timestamptz,                 -- of the first attempt
  attempt_open  boolean NOT NULL DEFAULT false,
  attempt_began timestamptz,                 -- of the latest attempt
  attempt_ends  timestamptz,                 -- when its run is over at the latest
  attempt_agent text NOT NULL DEFAULT '',    -- host and port
  duplicates    integer NOT NULL DEFAULT 0,
  worker_id     uuid,                        -- who has it claimed
  claim         bigint NOT NULL DEFAULT 0,   -- and by which of its calls
  fence         bigint NOT NULL DEFAULT 0    -- one more with every claim: tells an old claim from the present one
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);
CREATE INDEX inbox_received ON orchestrator.inbox (lane, due_at, id) WHERE state = 'received' AND worker_id IS NULL;
CREATE INDEX inbox_waiting ON orchestrator.inbox (org_id, team_node_id, due_at, id)
  WHERE state IN ('ready', 'retrying');
CREATE INDEX inbox_running ON orchestrator.inbox (org_id, team_node_id) WHERE state = 'running';
CREATE INDEX inbox_claimed ON orchestrator.inbox (worker_id) WHERE worker_id IS NOT NULL;
CREATE INDEX inbox_unknown ON orchestrator.inbox (due_at) WHERE state = 'unknown';
CREATE INDEX inbox_order ON orchestrator.inbox (order_key, received_at, id) WHERE order_key IS NOT NULL;

-- A row a team that ever had an event: whose turn it is, and what it may start.
CREATE TABLE orchestrator.team_queues (
  org_id       text NOT NULL,
  team_node_id text NOT NULL,
  next_due     timestamptz,  -- when to look at it again; NULL: when something changes
  served_at    timestamptz NOT NULL DEFAULT '-infinity',
  tokens       double precision,  -- NULL: a full bucket
  tokens_at    timestamptz NOT NULL DEFAULT now(),
  hour_begun   timestamptz NOT NULL DEFAULT now(),
  hour_runs    integer NOT NULL DEFAULT 0,
  held         text NOT NULL DEFAULT '',  -- why its ready events had to wait in its last turn
  PRIMARY KEY (org_id, team_node_id)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);
CREATE INDEX team_queues_due ON orchestrator.team_queues (served_at) WHERE next_due IS NOT NULL;

-- POSTs to agents that have come to an end, or that nobody waits for any more. One that was given up has two rows of
-- one n when its outcome is learned later.
CREATE TABLE orchestrator.attempts (
  event_id    uuid NOT NULL,
  n           integer NOT NULL,
  started_at  timestamptz NOT NULL,
  finished_at timestamptz NOT NULL DEFAULT now(),
  agent       text NOT NULL,
  outcome     text NOT NULL,
  http_status integer,
  detail      text NOT NULL
) PARTITION BY RANGE (finished_at);
CREATE INDEX attempts_event ON orchestrator.attempts (event_id);
CREATE TABLE orchestrator.attempts_default PARTITION OF orchestrator.attempts DEFAULT;

-- Events that have come to their end. Their org and team are those that they were routed to, else those of the secret
-- that verified them.
CREATE TABLE orchestrator.events (
  id           uuid NOT NULL,
  source       text NOT NULL,
  endpoint     text NOT NULL,
  scope_org    text NOT NULL,
  scope_team   text NOT NULL,
  kind         text NOT NULL,
  provider_id  text NOT NULL,
  order_key    bytea,
  lane         smallint NOT NULL,
  body_bytes   integer NOT NULL,
  received_at  timestamptz NOT NULL,
  state        text NOT NULL CHECK (state IN ('done', 'ignored', 'unrouted', 'dead')),
  reason       text NOT NULL,
  org_id       text,
  team_node_id text,
  attempts     integer NOT NULL,
  uncertain    integer NOT NULL,
  duplicates   integer NOT NULL,
  fence        bigint NOT NULL,
  started_at   timestamptz,
  finished_at  timestamptz NOT NULL DEFAULT now()
) PARTITION BY RANGE (received_at);
CREATE INDEX events_id ON orchestrator.events (id);
CREATE INDEX events_team ON orchestrator.events (org_id, team_node_id, id);
CREATE INDEX events_given_up ON orchestrator.events (state, id) WHERE state IN ('unrouted', 'dead');
CREATE TABLE orchestrator.events_default PARTITION OF orchestrator.events DEFAULT;

-- Deliveries of events that were stored already; the worker counts them and clears this table.
CREATE TABLE orchestrator.duplicates (
  event_id    uuid NOT NULL,
  received_at timestamptz NOT NULL DEFAULT now(),
  altered     boolean NOT NULL  -- the id is known, and the body is another one
);

-- Worker processes. A claim is good while its worker is alive.
CREATE TABLE orchestrator.workers (
  id          uuid PRIMARY KEY,
  host        text NOT NULL,
  started_at  timestamptz NOT NULL DEFAULT now(),
  alive_until timestamptz NOT NULL
) WITH (fillfactor = 50);

-- What people may turn: '' stands for all.
CREATE TABLE orchestrator.controls (
  source        text NOT NULL DEFAULT '',
  org_id        text NOT NULL DEFAULT '',
  team_node_id  text NOT NULL DEFAULT '',
  paused        boolean NOT NULL DEFAULT false,
  runs_per_hour integer CHECK (runs_per_hour >= 0),  -- NULL: as configured
  changed_by    text NOT NULL,
  changed_at    timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (source, org_id, team_node_id)
);

-- Where the admin role sees each team's agent.
CREATE TABLE orchestrator.team_runtimes (
  org_id       text NOT NULL,
  team_node_id text NOT NULL,
  service_url  text NOT NULL,
  ready        boolean NOT NULL,
  mode         text NOT NULL DEFAULT 'dedicated' CHECK (mode IN ('shared', 'dedicated')),
  purge        boolean NOT NULL DEFAULT false,  -- the team's payloads go when its resource goes
  updated_at   timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (org_id, team_node_id)
);

-- Requests for changes to teams, and what came of them. A key stands for one request, in whatever process.
CREATE TABLE orchestrator.provisioning_runs (
  id              uuid PRIMARY KEY,
  org_id          text NOT NULL,
  team_node_id    text NOT NULL,
  kind            text NOT NULL CHECK (kind IN ('provision', 'deprovision', 'schedules', 'sync')),
  idempotency_key text,
  request_hash    text NOT NULL,
  status          text NOT NULL CHECK (status IN ('running', 'succeeded', 'failed')),
  steps           jsonb NOT NULL DEFAULT '{}',
  error           text NOT NULL,
  token_given     boolean NOT NULL DEFAULT false,
  resource_ns     text NOT NULL,
  resource_name   text NOT NULL,
  resource_uid    text NOT NULL,
  generation      bigint NOT NULL,
  created_at      timestamptz NOT NULL DEFAULT now(),
  updated_at      timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX provisioning_runs_key ON orchestrator.provisioning_runs (org_id, team_node_id, idempotency_key)
  WHERE idempotency_key IS NOT NULL;
CREATE INDEX provisioning_runs_open ON orchestrator.provisioning_runs (created_at) WHERE status = 'running';
-- A token is shown once in the life of a resource, by the run that has this mark; such a run is kept.
CREATE UNIQUE INDEX provisioning_runs_token ON orchestrator.provisioning_runs (resource_uid) WHERE token_given;
CREATE INDEX provisioning_runs_resource ON orchestrator.provisioning_runs (resource_uid);

-- Who did what. Its org is the one it was about, or the actor's own: what an org's administrator may look up.
CREATE TABLE orchestrator.admin_audit (
  id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  at           timestamptz NOT NULL DEFAULT now(),
  actor        text NOT NULL,
  org_id       text NOT NULL,
  team_node_id text NOT NULL,
  action       text NOT NULL,
  target       text NOT NULL,
  result       text NOT NULL,
  request_id   text NOT NULL
);
CREATE INDEX admin_audit_time ON orchestrator.admin_audit (at);
CREATE INDEX admin_audit_team ON orchestrator.admin_audit (org_id, team_node_id, id);

-- Makes the partitions of the days to come and drops those that are over. Runs with the owner's rights: the worker's
-- role may not create or drop tables.
CREATE FUNCTION orchestrator.maintain(payload_days integer, event_days integer) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '2s' AS $$
DECLARE
  today date := (now() AT TIME ZONE 'UTC')::date;
  parent text; day date; child record; keep integer;
BEGIN
  IF payload_days < 1 OR event_days < payload_days THEN RAISE EXCEPTION 'retention: % and % days', payload_days, event_days; END IF;
  IF NOT pg_try_advisory_xact_lock(hashtext('orchestrator.maintain')) THEN RETURN; END IF;
  FOREACH parent IN ARRAY ARRAY['payloads', 'attempts', 'events'] LOOP
    FOR day IN SELECT today + n FROM generate_series(0, 3) n LOOP
      CONTINUE WHEN to_regclass(format('orchestrator.%s_%s', parent, to_char(day, 'YYYYMMDD'))) IS NOT NULL;
      BEGIN
        EXECUTE format('CREATE TABLE orchestrator.%I PARTITION OF orchestrator.%I FOR VALUES FROM (%L) TO (%L)',
                       parent || '_' || to_char(day, 'YYYYMMDD'), parent,
                       day::timestamp AT TIME ZONE 'UTC', (day + 1)::timestamp AT TIME ZONE 'UTC');
      EXCEPTION WHEN check_violation THEN NULL;  -- rows of that day are in the default partition already: stay there
      END;
    END LOOP;
    -- An event whose payload goes cannot be worked on any more. There are few: months of a pause, a clock gone wrong.
    IF parent = 'payloads' THEN
      WITH gone AS (
        DELETE FROM orchestrator.inbox WHERE received_at < (today - payload_days)::timestamp AT TIME ZONE 'UTC' RETURNING *
      )
      INSERT INTO orchestrator.events (id, source, endpoint, scope_org, scope_team, kind, provider_id, order_key, lane,
        body_bytes, received_at, state, reason, org_id, team_node_id, attempts, uncertain, duplicates, fence, started_at)
      SELECT id, source, endpoint, scope_org, scope_team, kind, provider_id, order_key, lane, body_bytes, received_at,
        'dead', 'expired', coalesce(org_id, nullif(scope_org, '')), coalesce(team_node_id, nullif(scope_team, '')),
        attempts, uncertain, duplicates, fence, started_at FROM gone;
    END IF;
    keep := CASE parent WHEN 'payloads' THEN payload_days ELSE event_days END;
    FOR child IN SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
                 WHERE i.inhparent = format('orchestrator.%I', parent)::regclass
                   AND c.relname ~ ('^' || parent || '_[0-9]{8}$') LOOP
      IF to_date(right(child.relname, 8), 'YYYYMMDD') < today - keep THEN
        EXECUTE format('DROP TABLE orchestrator.%I', child.relname);
      END IF;
    END LOOP;
    EXECUTE format('DELETE FROM orchestrator.%I WHERE %I < ($1 - $2)::timestamp AT TIME ZONE ''UTC''', parent || '_default',
                   CASE parent WHEN 'attempts' THEN 'finished_at' ELSE 'received_at' END) USING today, keep;
  END LOOP;
  DELETE FROM orchestrator.dedupe_keys WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM orchestrator.dedupe_keys WHERE expires_at < now() LIMIT 200000));
  DELETE FROM orchestrator.admin_audit WHERE at < now() - make_interval(days => event_days);
  DELETE FROM orchestrator.provisioning_runs
    WHERE updated_at < now() - make_interval(days => event_days) AND status <> 'running' AND NOT token_given;
END $$;
REVOKE ALL ON FUNCTION orchestrator.maintain(integer, integer) FROM PUBLIC;
SELECT orchestrator.maintain(14, 90);

-- Takes away the bodies of all events of a team; those that have not ended are dead. An event is the team's that it was
-- routed to, else of the secret that verified it. With the owner's rights too: no other way may delete bodies.
CREATE FUNCTION orchestrator.purge_team(org text, team text) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  bodies bigint;
BEGIN
  WITH gone AS (
    DELETE FROM orchestrator.inbox WHERE coalesce(org_id, nullif(scope_org, '')) = org
      AND coalesce(team_node_id, nullif(scope_team, '')) = team
    RETURNING *
  ), ended AS (
    INSERT INTO orchestrator.events (id, source, endpoint, scope_org, scope_team, kind, provider_id, order_key, lane,
      body_bytes, received_at, state, reason, org_id, team_node_id, attempts, uncertain, duplicates, fence, started_at)
    SELECT id, source, endpoint, scope_org, scope_team, kind, provider_id, order_key, lane, body_bytes, received_at,
      'dead', 'purged', org, team, attempts, uncertain, duplicates, fence, started_at FROM gone
  ), its AS (
    SELECT id FROM gone UNION ALL SELECT id FROM orchestrator.events WHERE org_id = org AND team_node_id = team
  )
  DELETE FROM orchestrator.payloads WHERE event_id IN (SELECT id FROM its);
  GET DIAGNOSTICS bodies = ROW_COUNT;
  RETURN bodies;
END $$;
REVOKE ALL ON FUNCTION orchestrator.purge_team(text, text) FROM PUBLIC;
)sql";

// Two gateways with namespaces of their own may share a database, and one may get fewer than it had: a team
// that it cannot see is gone only if its resource was where it looks. Empty: not known.
constexpr std::string_view kRuntimeNamespaces = R"sql(
ALTER TABLE orchestrator.team_runtimes ADD COLUMN namespace text NOT NULL DEFAULT '';
)sql";

constexpr std::array kMigrations{Migration{1, "inbox", kInbox},
                                 Migration{2, "runtime-namespaces", kRuntimeNamespaces}};

}  // namespace

std::span<const Migration> migrations() noexcept { return kMigrations; }

std::string_view ingest_grants() noexcept {
  return R"sql(
GRANT USAGE ON SCHEMA orchestrator TO %I;
GRANT SELECT ON orchestrator.schema_migrations TO %I;
GRANT INSERT ON orchestrator.dedupe_keys, orchestrator.payloads, orchestrator.inbox, orchestrator.duplicates TO %I;
GRANT SELECT (event_id, digest_key, provider_key, twin_key) ON orchestrator.dedupe_keys TO %I;
)sql";
}

std::string_view worker_grants() noexcept {
  return R"sql(
GRANT USAGE ON SCHEMA orchestrator TO %I;
GRANT SELECT ON ALL TABLES IN SCHEMA orchestrator TO %I;
GRANT INSERT, UPDATE, DELETE ON orchestrator.inbox, orchestrator.team_queues, orchestrator.attempts, orchestrator.events,
  orchestrator.duplicates, orchestrator.workers, orchestrator.controls, orchestrator.team_runtimes,
  orchestrator.provisioning_runs TO %I;
GRANT INSERT ON orchestrator.admin_audit TO %I;
GRANT EXECUTE ON FUNCTION orchestrator.maintain(integer, integer), orchestrator.purge_team(text, text) TO %I;
)sql";
}

}  // namespace tp::gateway
