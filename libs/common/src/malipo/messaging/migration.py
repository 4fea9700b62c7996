"""How the tables that every service's database has are made: a step that its first migration names, frozen once it has run."""

V1 = """
CREATE TABLE inbox (
    consumer    text NOT NULL,
    message_id  text COLLATE "C" NOT NULL,
    received_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (consumer, message_id)
) PARTITION BY RANGE (message_id);
CREATE TABLE inbox_default PARTITION OF inbox DEFAULT;
-- Callbacks, movements and dead letters: their ids tell no time, and are not read when a month is made.
CREATE TABLE inbox_undated PARTITION OF inbox FOR VALUES FROM (MINVALUE) TO ('msg_');
CREATE INDEX inbox_by_age ON inbox USING brin (received_at);

CREATE TABLE outbox (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    message_id text NOT NULL,
    shard      smallint NOT NULL,
    topic      text NOT NULL,
    key        text NOT NULL,
    headers    jsonb NOT NULL,
    payload    bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);

CREATE TABLE stepped_over (
    consumer     text NOT NULL,
    topic        text NOT NULL,
    partition    integer NOT NULL,
    first_offset bigint NOT NULL,
    next_offset  bigint NOT NULL CHECK (next_offset > first_offset),
    stepped_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (consumer, topic, partition, first_offset)
);
"""
