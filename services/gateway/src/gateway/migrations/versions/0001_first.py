"""What the gateway owns (merchants, keys, configuration) and its read models of payments."""

from malipo.messaging import migration
from malipo.platform.migrations import script

revision = "0001"
down_revision = None

OWNED = """
CREATE TABLE merchants (
    id             text PRIMARY KEY,
    name           text NOT NULL,
    config_version integer NOT NULL DEFAULT 0,
    late_payments  jsonb NOT NULL DEFAULT '{}',  -- by mode
    created_at     timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE api_keys (
    id           text PRIMARY KEY,
    merchant_id  text NOT NULL REFERENCES merchants,
    mode         text NOT NULL CHECK (mode IN ('test', 'live')),
    hash         bytea NOT NULL UNIQUE,
    scopes       text[] NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now(),
    expires_at   timestamptz,
    revoked_at   timestamptz,
    last_used_at timestamptz
);
CREATE INDEX api_keys_by_merchant ON api_keys (merchant_id);

CREATE TABLE idempotency_keys (
    merchant_id  text NOT NULL,
    mode         text NOT NULL,
    key          text NOT NULL,
    route        text NOT NULL,
    fingerprint  bytea NOT NULL,
    resource_id  text NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (merchant_id, mode, key)
);
CREATE INDEX idempotency_keys_by_age ON idempotency_keys (created_at);

CREATE TABLE personal_keys (
    payment_id         text PRIMARY KEY,
    merchant_id        text NOT NULL,
    mode               text NOT NULL,
    customer_ref       text,
    wrapped            text,
    erase_requested_at timestamptz,
    erased_at          timestamptz,
    held_by            jsonb NOT NULL,
    announce_at        timestamptz,
    CHECK ((wrapped IS NULL) = (erased_at IS NOT NULL))
);
CREATE INDEX personal_keys_by_customer ON personal_keys (merchant_id, mode, customer_ref) WHERE customer_ref IS NOT NULL;
CREATE INDEX personal_keys_to_erase ON personal_keys (payment_id) WHERE erase_requested_at IS NOT NULL AND erased_at IS NULL;
CREATE INDEX personal_keys_to_announce ON personal_keys (announce_at) WHERE announce_at IS NOT NULL;

CREATE TABLE provider_credentials (
    id          text PRIMARY KEY,
    merchant_id text NOT NULL REFERENCES merchants,
    mode        text NOT NULL CHECK (mode IN ('test', 'live')),
    provider    text NOT NULL,
    label       text NOT NULL,
    ciphertext  text NOT NULL,
    masked      jsonb NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    updated_at  timestamptz NOT NULL DEFAULT now(),
    registered  jsonb,
    UNIQUE (merchant_id, mode, provider, label)
);

CREATE TABLE config_echoes (
    merchant_id text NOT NULL REFERENCES merchants,
    due_at      timestamptz NOT NULL,
    PRIMARY KEY (merchant_id, due_at)
);
CREATE INDEX config_echoes_due ON config_echoes (due_at);

CREATE TABLE webhook_endpoints (
    id                text PRIMARY KEY,
    merchant_id       text NOT NULL REFERENCES merchants,
    mode              text NOT NULL CHECK (mode IN ('test', 'live')),
    url               text NOT NULL,
    event_types       text[] NOT NULL,
    description       text,
    secret_ciphertext text NOT NULL,
    created_at        timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX webhook_endpoints_by_merchant ON webhook_endpoints (merchant_id, mode);

CREATE TABLE series (
    merchant_id  text NOT NULL,
    mode         text NOT NULL CHECK (mode IN ('test', 'live')),
    id           text NOT NULL,  -- the merchant's
    customer_ref text NOT NULL,
    currency     text NOT NULL,
    max_amount   bigint NOT NULL,
    max_count    integer NOT NULL,
    per          text NOT NULL CHECK (per IN ('day', 'week', 'month', 'year')),
    starts_at    timestamptz NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now(),
    updated_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (merchant_id, mode, id)
);

CREATE TABLE saved_charges (
    payment_id     text PRIMARY KEY,
    merchant_id    text NOT NULL,
    mode           text NOT NULL CHECK (mode IN ('test', 'live')),
    payment_method text NOT NULL,
    amount         bigint NOT NULL,
    accepted_at    timestamptz NOT NULL,
    series         text,
    number         integer CHECK ((number IS NULL) = (series IS NULL)),
    UNIQUE (merchant_id, mode, series, number)
);
CREATE INDEX saved_charges_by_method ON saved_charges (payment_method, payment_id);
CREATE INDEX saved_charges_by_series ON saved_charges (merchant_id, mode, series, accepted_at) WHERE series IS NOT NULL;

-- Commands on their way: a row is deleted as soon as the orchestrator has answered for its operation.
CREATE TABLE unanswered (
    operation_id text PRIMARY KEY,  -- a payment's id for its charge
    payment_id   text NOT NULL,
    message_id   text NOT NULL,
    headers      jsonb NOT NULL,
    payload      bytea NOT NULL,
    tries        integer NOT NULL DEFAULT 1,
    accepted_at  timestamptz NOT NULL DEFAULT now(),
    sent_at      timestamptz NOT NULL DEFAULT now(),
    waits_from   timestamptz NOT NULL DEFAULT now()
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
CREATE INDEX unanswered_waiting ON unanswered (waits_from);
CREATE INDEX unanswered_tried ON unanswered (tries) WHERE tries > 1;

CREATE TABLE audit_log (
    id          bigint GENERATED ALWAYS AS IDENTITY,
    at          timestamptz NOT NULL,
    request_id  text NOT NULL,
    merchant_id text,
    key_id      text,
    allowed     boolean NOT NULL,
    reason      text NOT NULL,
    method      text NOT NULL,
    route       text NOT NULL,
    remote      text NOT NULL,
    PRIMARY KEY (id, at)
) PARTITION BY RANGE (at);
CREATE TABLE audit_log_default PARTITION OF audit_log DEFAULT;
CREATE INDEX audit_log_by_merchant ON audit_log (merchant_id, id);
CREATE INDEX audit_log_by_age ON audit_log USING brin (at);
"""

# `view` is json, not jsonb: it keeps the order of fields in which merchants see them. A payment is as old as its id: by
# time is by id. The index by status makes a change of status dearer, which happens once or twice to a payment, and
# without it a rare status is sought among all payments of a merchant.
READ_MODELS = """
CREATE TABLE payments (
    id           text PRIMARY KEY,
    merchant_id  text NOT NULL,
    mode         text NOT NULL CHECK (mode IN ('test', 'live')),
    step         integer NOT NULL,
    status       text NOT NULL,
    provider     text,
    currency     text NOT NULL,
    amount       bigint NOT NULL,
    client_ref   text,
    customer_ref text,
    view         json NOT NULL
) WITH (fillfactor = 80);
CREATE INDEX payments_newest ON payments (merchant_id, mode, id);
CREATE INDEX payments_by_status ON payments (merchant_id, mode, status, id);
CREATE INDEX payments_by_client_ref ON payments (merchant_id, mode, client_ref) WHERE client_ref IS NOT NULL;
CREATE INDEX payments_by_customer_ref ON payments (merchant_id, mode, customer_ref) WHERE customer_ref IS NOT NULL;

CREATE TABLE payment_methods (
    id           text PRIMARY KEY,
    merchant_id  text NOT NULL,
    mode         text NOT NULL CHECK (mode IN ('test', 'live')),
    customer_ref text NOT NULL,
    step         integer NOT NULL,
    view         json NOT NULL,
    detach_id    text
);
CREATE INDEX payment_methods_newest ON payment_methods (merchant_id, mode, id);
CREATE INDEX payment_methods_by_customer ON payment_methods (merchant_id, mode, customer_ref, id);

CREATE TABLE operations (
    id          text PRIMARY KEY,
    payment_id  text NOT NULL,
    merchant_id text NOT NULL,
    mode        text NOT NULL CHECK (mode IN ('test', 'live')),
    kind        text NOT NULL CHECK (kind IN ('capture', 'cancel', 'refund', 'return_request', 'dispute', 'fraud_warning', 'detach')),
    step        integer NOT NULL,
    refusal     jsonb,
    view        json NOT NULL
) WITH (fillfactor = 80);
CREATE INDEX operations_by_payment ON operations (payment_id, kind, id);

CREATE TABLE movements (
    merchant_id   text NOT NULL,
    mode          text NOT NULL CHECK (mode IN ('test', 'live')),
    provider      text NOT NULL,
    id            text NOT NULL,  -- the provider's
    account       text NOT NULL,
    kind          text NOT NULL,
    payment_id    text,
    operation_id  text,
    reference     text,
    currency      text NOT NULL,
    amount        bigint NOT NULL,
    fee           bigint NOT NULL,
    net           bigint NOT NULL,
    exchange_rate text,
    moved_at      timestamptz NOT NULL,
    available_at  timestamptz,
    PRIMARY KEY (merchant_id, mode, provider, id)
);
CREATE INDEX movements_by_payment ON movements (payment_id) WHERE payment_id IS NOT NULL;
CREATE INDEX movements_by_time ON movements (merchant_id, mode, moved_at, id);

CREATE TABLE timeline (
    payment_id text COLLATE "C" NOT NULL,
    id         text NOT NULL,
    kind       text NOT NULL,
    at         timestamptz NOT NULL,
    entry      json NOT NULL,
    PRIMARY KEY (payment_id, id)
) PARTITION BY RANGE (payment_id);
CREATE TABLE timeline_default PARTITION OF timeline DEFAULT;
-- Methods that are saved without a payment: pm_... is behind all that begins with pay_.
CREATE TABLE timeline_undated PARTITION OF timeline FOR VALUES FROM ('pay`') TO (MAXVALUE);
CREATE INDEX timeline_by_age ON timeline USING brin (at);

CREATE TABLE events (
    position    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id          text NOT NULL UNIQUE,
    payment_id  text NOT NULL,
    sequence    integer NOT NULL,
    merchant_id text NOT NULL,
    mode        text NOT NULL CHECK (mode IN ('test', 'live')),
    type        text NOT NULL,
    body        json NOT NULL,
    UNIQUE (payment_id, sequence)
);
CREATE INDEX events_by_merchant ON events (merchant_id, mode, position);
"""


def upgrade() -> None:
    script(migration.V1)
    script(OWNED)
    script(READ_MODELS)
