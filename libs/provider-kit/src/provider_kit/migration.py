"""How the tables of a provider service are made: a step that its first migration names, frozen once it has run."""

V1 = """
CREATE TABLE attempts (
    id              text PRIMARY KEY,
    operation_id    text NOT NULL,
    position        bigint GENERATED ALWAYS AS IDENTITY,
    payment_id      text NOT NULL,
    merchant_id     text NOT NULL,
    kind            text NOT NULL CHECK (kind IN ('charge', 'confirm', 'capture', 'cancel', 'refund', 'return_request', 'dispute', 'detach', 'setup', 'query')),
    command         bytea NOT NULL,
    headers         jsonb NOT NULL,
    tries           integer NOT NULL DEFAULT 0,
    first_sent_at   timestamptz,
    account_fingerprint text,
    withdrawn_step  integer,
    reference       text,
    outcome         jsonb,
    problem         text,
    due_at          timestamptz NOT NULL DEFAULT now(),
    expires_at      timestamptz,
    account         text NOT NULL,
    lease_token     text,
    lease_until     timestamptz,
    done_at         timestamptz,
    created_at      timestamptz NOT NULL DEFAULT now(),
    success         jsonb,
    address_key     text,
    also_answers    integer NOT NULL DEFAULT 0,
    CHECK (first_sent_at IS NOT NULL OR account_fingerprint IS NULL)
);
CREATE INDEX attempts_operations_due ON attempts (due_at) WHERE done_at IS NULL AND kind <> 'query';
CREATE INDEX attempts_queries_due ON attempts (due_at) WHERE done_at IS NULL AND kind = 'query';
CREATE INDEX attempts_open ON attempts (payment_id, position) WHERE done_at IS NULL;
CREATE INDEX attempts_queries ON attempts (operation_id, created_at) WHERE kind = 'query';
CREATE INDEX attempts_refunds ON attempts (payment_id) WHERE kind = 'refund';

CREATE TABLE attempt_references (
    reference  text NOT NULL,
    attempt_id text NOT NULL,
    role       text NOT NULL,
    position   bigint GENERATED ALWAYS AS IDENTITY,
    PRIMARY KEY (reference, attempt_id, role)
);
CREATE INDEX attempt_references_attempt ON attempt_references (attempt_id);

CREATE TABLE claims (
    attempt_id text NOT NULL,
    role       text NOT NULL,
    reference  text NOT NULL,
    received_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (attempt_id, role, reference)
);
CREATE INDEX claims_received ON claims (received_at);
CREATE INDEX claims_reference ON claims (reference);

CREATE TABLE received_money (
    credential_id text NOT NULL,
    merchant_id   text NOT NULL,
    mode          text NOT NULL,
    label         text NOT NULL,
    reference     text NOT NULL,
    callback_id   text NOT NULL,
    report        jsonb NOT NULL,
    received_at   timestamptz NOT NULL DEFAULT now(),
    look_at       timestamptz,
    account_fingerprint text,
    source        text NOT NULL CHECK (source IN ('callback', 'reconciliation')),
    PRIMARY KEY (merchant_id, mode, label, reference)
);
CREATE INDEX received_money_look ON received_money (look_at) WHERE look_at IS NOT NULL;
CREATE INDEX received_money_reference ON received_money (reference);
CREATE INDEX received_money_purpose ON received_money ((report ->> 'account_reference')) WHERE look_at IS NOT NULL;

CREATE TABLE reminders (
    message_id text NOT NULL,
    shard      smallint NOT NULL,
    topic      text NOT NULL,
    key        text NOT NULL,
    headers    jsonb NOT NULL,
    payload    bytea NOT NULL,
    due_at     timestamptz NOT NULL,
    PRIMARY KEY (message_id, due_at)
);
CREATE INDEX reminders_due ON reminders (due_at);

CREATE TABLE unmatched (
    credential_id   text NOT NULL,
    callback_id     text NOT NULL,
    number          smallint NOT NULL,
    merchant_id     text NOT NULL,
    mode            text NOT NULL,
    event_type      text NOT NULL,
    reference_ids   jsonb NOT NULL,
    amount_minor    bigint,
    currency        text,
    concerns        text NOT NULL CHECK (concerns IN ('ours', 'claimed', 'unclear', 'others')),
    received_at     timestamptz NOT NULL DEFAULT now(),
    opened          jsonb,
    look_at         timestamptz,
    account         text NOT NULL,
    account_fingerprint text,
    source          text NOT NULL CHECK (source IN ('callback', 'reconciliation')),
    PRIMARY KEY (credential_id, callback_id, number)
);
CREATE INDEX unmatched_received ON unmatched (received_at);
CREATE INDEX unmatched_look ON unmatched (look_at) WHERE look_at IS NOT NULL;

CREATE TABLE access_tokens (
    account        text PRIMARY KEY,
    number         bigint NOT NULL,
    ciphertext     text,
    renew_at       timestamptz,
    fetching_by    text,
    fetching_until timestamptz,
    rest_seconds   double precision,
    rests_until    timestamptz
);

CREATE TABLE statements (
    account             text PRIMARY KEY,
    account_fingerprint text NOT NULL,
    credential_id       text,
    covered_until       timestamptz NOT NULL,
    due_at              timestamptz NOT NULL DEFAULT now(),
    looked_at           timestamptz,
    hastened_at         timestamptz,
    failures            integer NOT NULL DEFAULT 0,
    alerted_at          timestamptz,
    lease_token         text,
    lease_until         timestamptz,
    covered_since       timestamptz NOT NULL,
    again_from          timestamptz NOT NULL,
    again_at            timestamptz NOT NULL DEFAULT now(),
    proved_at           timestamptz
);
CREATE INDEX statements_fingerprint ON statements (account_fingerprint);

CREATE TABLE merchants (
    merchant_id text PRIMARY KEY,
    version     bigint NOT NULL
);

CREATE TABLE personal_keys (
    payment_id  text PRIMARY KEY,
    wrapped     text,
    received_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE credentials (
    id          text PRIMARY KEY,
    merchant_id text NOT NULL REFERENCES merchants,
    mode        text NOT NULL,
    ciphertext  text NOT NULL,
    label       text NOT NULL,
    UNIQUE (merchant_id, mode, label)
);

CREATE TABLE credential_names (
    credential_id text NOT NULL REFERENCES credentials ON DELETE CASCADE,
    name          text NOT NULL,
    PRIMARY KEY (credential_id, name)
);
CREATE INDEX credential_names_name ON credential_names (name, credential_id);
"""
