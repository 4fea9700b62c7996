"""Endpoints as a replica, events, deliveries and their attempts."""

from malipo.messaging import migration
from malipo.platform.migrations import script

revision = "0001"
down_revision = None

REPLICA = """
CREATE TABLE merchants (
    merchant_id text PRIMARY KEY,
    version     bigint NOT NULL,  -- 0: known from events, never configured
    asked_at    timestamptz  -- when a newer configuration was last requested
);

CREATE TABLE endpoints (
    endpoint_id       text PRIMARY KEY,
    merchant_id       text NOT NULL REFERENCES merchants,
    mode              text NOT NULL CHECK (mode IN ('test', 'live')),
    url               text NOT NULL,
    secret_ciphertext text NOT NULL,
    event_types       text[] NOT NULL,  -- empty: all
    gone_at           timestamptz,
    gone_because      text CHECK (gone_because IN ('removed', 'answered 410')),
    CHECK ((gone_at IS NULL) = (gone_because IS NULL))
);
CREATE INDEX endpoints_of_merchant ON endpoints (merchant_id);
"""

EVENTS = """
CREATE TABLE events (
    event_id       text PRIMARY KEY,
    merchant_id    text NOT NULL REFERENCES merchants,
    mode           text NOT NULL CHECK (mode IN ('test', 'live')),
    payment_id     text NOT NULL,
    type           text NOT NULL,
    sequence       integer NOT NULL,
    config_version bigint NOT NULL,
    headers        jsonb NOT NULL,  -- the trace and the client reference, to pass on
    body           bytea NOT NULL,  -- exactly as it is sent
    observed_at    timestamptz NOT NULL,  -- when its cause was received
    created_at     timestamptz NOT NULL DEFAULT now(),
    fanned_out     boolean NOT NULL DEFAULT false
);
CREATE INDEX events_waiting ON events (merchant_id, config_version) WHERE NOT fanned_out;
CREATE INDEX events_waiting_of_payment ON events (payment_id) WHERE NOT fanned_out;
CREATE INDEX events_by_age ON events USING brin (created_at);
"""

# `due_at` is set on the first pending delivery of each (endpoint, payment) and on those that were overtaken: those behind
# are not due, and no query has to step over them.
DELIVERIES = """
CREATE TABLE deliveries (
    delivery_id text PRIMARY KEY,
    event_id    text NOT NULL REFERENCES events ON DELETE CASCADE,
    endpoint_id text NOT NULL REFERENCES endpoints,
    payment_id  text NOT NULL,
    sequence    integer NOT NULL,
    state       text NOT NULL DEFAULT 'pending'
                CHECK (state IN ('pending', 'delivered', 'exhausted', 'endpoint_gone')),
    attempts    integer NOT NULL DEFAULT 0,
    due_at      timestamptz,
    failing_since timestamptz,  -- the first attempt that failed, or could not be made
    overtaken_at  timestamptz,  -- since then later events of its payment do not wait for it
    lease_token text,
    lease_until timestamptz,
    created_at  timestamptz NOT NULL DEFAULT now(),
    ended_at    timestamptz,
    UNIQUE (event_id, endpoint_id),
    CHECK ((lease_token IS NULL) = (lease_until IS NULL)),
    CHECK ((state = 'pending') = (ended_at IS NULL))
);
CREATE INDEX deliveries_due ON deliveries (endpoint_id, due_at) WHERE state = 'pending' AND due_at IS NOT NULL;
CREATE INDEX deliveries_in_order ON deliveries (endpoint_id, payment_id, sequence) WHERE state = 'pending';
CREATE INDEX deliveries_failing ON deliveries (failing_since)
    WHERE state = 'pending' AND overtaken_at IS NULL AND failing_since IS NOT NULL;
CREATE INDEX deliveries_leased ON deliveries (endpoint_id) WHERE lease_token IS NOT NULL;

-- Endpoints with pending deliveries. Steps through the index: the cost is that of the endpoints, not of their deliveries.
CREATE VIEW busy_endpoints AS
WITH RECURSIVE step AS (
    (SELECT endpoint_id FROM deliveries WHERE state = 'pending' ORDER BY endpoint_id LIMIT 1)
    UNION ALL
    SELECT (SELECT d.endpoint_id FROM deliveries d WHERE d.state = 'pending' AND d.endpoint_id > step.endpoint_id
            ORDER BY d.endpoint_id LIMIT 1)
    FROM step WHERE step.endpoint_id IS NOT NULL
)
SELECT endpoint_id, gone_at FROM step JOIN endpoints USING (endpoint_id);

-- Fails as of two who do the same the one that was slower: for a statement whose locks show that what it has read has changed
-- since it began. A statement sees nothing of that, the next one does.
CREATE FUNCTION decide_anew() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'another transaction was faster' USING ERRCODE = 'serialization_failure';
END $$;

-- Up to `most` deliveries that are due and not leased, endpoints taking turns, and of no endpoint more than `per_endpoint`
-- less its leases. One transaction claims at a time, until it ends: two would each count leases before the other's were
-- there. That is why it is a function: each of its statements sees what was committed when it begins. A claim waits for no
-- disk: one that a crash of the server undoes leaves a delivery that is due, and is claimed again.
CREATE FUNCTION due_deliveries(most bigint, per_endpoint bigint, running text[]) RETURNS SETOF text
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('synchronous_commit', 'off', true);
    PERFORM pg_advisory_xact_lock(0x6D616C77);  -- "malw"
    RETURN QUERY
    WITH held AS MATERIALIZED (
        SELECT d.endpoint_id, count(*) AS leases FROM deliveries d
        WHERE d.lease_token IS NOT NULL AND d.lease_until > now() GROUP BY d.endpoint_id
    ), due AS (
        SELECT free.delivery_id, free.due_at, row_number() OVER (PARTITION BY endpoint_id ORDER BY free.due_at) AS turn
        FROM busy_endpoints busy LEFT JOIN held USING (endpoint_id)
        CROSS JOIN LATERAL (
            SELECT d.delivery_id, d.due_at FROM deliveries d
            WHERE d.endpoint_id = busy.endpoint_id AND d.state = 'pending' AND d.due_at <= now()
              AND (d.lease_until IS NULL OR d.lease_until <= now()) AND d.delivery_id <> ALL(running)
            ORDER BY d.due_at LIMIT greatest(per_endpoint - coalesce(held.leases, 0), 0)
        ) free
        WHERE busy.gone_at IS NULL
    )
    SELECT due.delivery_id FROM due ORDER BY due.turn, due.due_at LIMIT most;
END $$;

CREATE TABLE attempts (
    delivery_id  text NOT NULL REFERENCES deliveries ON DELETE CASCADE,
    attempt      integer NOT NULL,
    attempted_at timestamptz NOT NULL,
    duration_ms  integer NOT NULL,
    result       text NOT NULL CHECK (result IN ('delivered', 'retrying', 'exhausted', 'endpoint_gone')),
    http_status  integer,
    error        text,
    response     text NOT NULL,
    PRIMARY KEY (delivery_id, attempt)
);
"""


def upgrade() -> None:
    for step in (migration.V1, REPLICA, EVENTS, DELIVERIES):
        script(step)
