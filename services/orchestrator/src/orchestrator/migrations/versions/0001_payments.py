"""Payments, their operations, history and timers."""

from malipo.messaging import migration
from malipo.platform.migrations import script

revision = "0001"
down_revision = None


def upgrade() -> None:
    script(migration.V1)
    script("""
        CREATE TABLE payments (
            id             text PRIMARY KEY,
            merchant_id    text NOT NULL,
            mode           text NOT NULL CHECK (mode IN ('test', 'live')),
            amount_minor   bigint NOT NULL CHECK (amount_minor >= 0),
            currency       text NOT NULL,
            method         jsonb NOT NULL,
            capture        text NOT NULL CHECK (capture IN ('automatic', 'manual')),
            config_version bigint NOT NULL,
            provider       text,
            account        text NOT NULL,
            late_payments  text NOT NULL CHECK (late_payments IN ('keep', 'refund')),
            customer_ref   text,
            client_ref     text,
            description    text,
            metadata       jsonb NOT NULL,
            return_url     text,
            traceparent    text,
            expires_at     timestamptz NOT NULL,
            created_at     timestamptz NOT NULL,
            state          text NOT NULL CHECK (state IN ('initiated', 'processing', 'pending', 'requires_action',
                                                          'authorized', 'in_doubt', 'completed', 'returned', 'failed',
                                                          'canceled')),
            captured_minor bigint NOT NULL CHECK (captured_minor >= 0),
            had_money      boolean NOT NULL,
            reference      text,
            known_references jsonb NOT NULL,
            paid_reference text,
            assigned_reference text,
            action         jsonb,
            action_at      timestamptz,
            failure        jsonb,
            step           integer NOT NULL,
            event_sequence integer NOT NULL,
            attempt        integer NOT NULL,
            confirms       integer NOT NULL,
            confirming     boolean NOT NULL,
            queries        integer NOT NULL,
            unanswered     boolean NOT NULL,
            asked_step     integer NOT NULL,
            pending_seconds double precision,
            in_doubt_since timestamptz,
            updated_at     timestamptz NOT NULL,
            unclear        boolean NOT NULL,
            cancel_url     text,
            payer          text,
            remittance     text,
            begun          boolean NOT NULL,
            pending_reason text,
            execution_at   timestamptz,
            statement_descriptor text,
            save_method    boolean NOT NULL,
            subject        text NOT NULL CHECK (subject IN ('payment', 'setup')),
            CHECK (CASE subject WHEN 'setup' THEN amount_minor + captured_minor = 0 ELSE amount_minor > 0 END)
        ) WITH (fillfactor = 80);
        CREATE INDEX payments_in_doubt ON payments (in_doubt_since) WHERE in_doubt_since IS NOT NULL;

        CREATE TABLE operations (
            id           text PRIMARY KEY,
            payment_id   text NOT NULL REFERENCES payments,
            subject      text NOT NULL CHECK (subject IN ('capture', 'cancel', 'refund', 'return_request', 'dispute', 'fraud_warning', 'detach')),
            amount_minor bigint NOT NULL CHECK (amount_minor > 0 OR subject IN ('detach', 'cancel')),
            reason       text,
            opened_by    text NOT NULL CHECK (opened_by IN ('merchant', 'malipo', 'provider')),
            created_at   timestamptz NOT NULL,
            state        text NOT NULL CHECK (state IN ('initiated', 'waiting', 'processing', 'pending',
                                                        'in_doubt', 'completed', 'failed', 'won', 'lost')),
            reference    text,
            failure      jsonb,
            queries      integer NOT NULL,
            unanswered   boolean NOT NULL,
            asked_step   integer NOT NULL,
            pending_seconds double precision,
            dispatched_at  timestamptz,
            in_doubt_since timestamptz,
            updated_at   timestamptz NOT NULL,
            came_back    boolean NOT NULL,
            unclear      boolean NOT NULL,
            final        boolean NOT NULL,
            dispute      jsonb
        ) WITH (fillfactor = 80);
        CREATE INDEX operations_by_payment ON operations (payment_id);
        CREATE INDEX operations_in_doubt ON operations (in_doubt_since) WHERE in_doubt_since IS NOT NULL;

        CREATE TABLE payment_methods (
            id          text PRIMARY KEY,
            payment_id  text NOT NULL UNIQUE REFERENCES payments,
            merchant_id text NOT NULL,
            mode        text NOT NULL,
            type        text NOT NULL,
            reference   text NOT NULL,
            holder      text,
            brand       text NOT NULL,
            last_four   text NOT NULL,
            exp_month   integer NOT NULL,
            exp_year    integer NOT NULL,
            fingerprint text,
            created_at  timestamptz NOT NULL,
            updated_at  timestamptz NOT NULL,
            changed     jsonb
        );

        CREATE TABLE history (
            payment_id     text COLLATE "C" NOT NULL REFERENCES payments,
            step           integer NOT NULL,
            operation_id   text,
            from_state     text NOT NULL,
            to_state       text NOT NULL,
            trigger        text NOT NULL,
            source         text NOT NULL,
            cause_message_id text NOT NULL,
            detail         text,
            contradiction  boolean NOT NULL,
            event_id       text,
            event_type     text,
            event_sequence integer,
            occurred_at    timestamptz NOT NULL,
            message        bytea NOT NULL,  -- as it was published, with its id and its trace, so that it can be resent
            message_id     text NOT NULL,
            traceparent    text,
            recorded_at    timestamptz NOT NULL DEFAULT now(),
            PRIMARY KEY (payment_id, step),
            UNIQUE (payment_id, event_sequence)
        ) PARTITION BY RANGE (payment_id);
        CREATE TABLE history_default PARTITION OF history DEFAULT;
        -- Methods that are saved without a payment: pm_... is behind all that begins with pay_.
        CREATE TABLE history_undated PARTITION OF history FOR VALUES FROM ('pay`') TO (MAXVALUE);
        CREATE INDEX history_by_age ON history (recorded_at);

        CREATE TABLE roll_calls (
            delay_seconds double precision PRIMARY KEY,
            called_until  timestamptz NOT NULL
        );

        CREATE TABLE refusals (
            operation_id text PRIMARY KEY,
            payment_id   text NOT NULL REFERENCES payments,
            message      bytea NOT NULL,
            message_id   text NOT NULL,
            traceparent  text,
            recorded_at  timestamptz NOT NULL DEFAULT now()
        );
        CREATE INDEX refusals_by_payment ON refusals (payment_id);
        CREATE INDEX refusals_by_age ON refusals USING brin (recorded_at);

        CREATE TABLE timers (
            subject_id text PRIMARY KEY,
            payment_id text NOT NULL REFERENCES payments,
            due_at     timestamptz NOT NULL
        );
        CREATE INDEX timers_due ON timers (due_at);

        CREATE TABLE receipts (
            provider    text NOT NULL,
            merchant_id text NOT NULL,
            mode        text NOT NULL,
            account     text NOT NULL,
            reference   text NOT NULL,
            payment_id  text NOT NULL REFERENCES payments,
            amount_minor bigint NOT NULL,
            currency    text NOT NULL,
            PRIMARY KEY (provider, merchant_id, mode, account, reference)
        );

        CREATE TABLE suspense (
            id           text PRIMARY KEY,
            merchant_id  text NOT NULL,
            mode         text NOT NULL,
            provider     text NOT NULL,
            account      text NOT NULL,
            reference    text NOT NULL,
            amount_minor bigint NOT NULL CHECK (amount_minor > 0),
            currency     text NOT NULL,
            description  text NOT NULL,
            received_at  timestamptz NOT NULL,
            assigned_to  text REFERENCES payments,
            settled_at   timestamptz,
            settled_by   text,
            because      text,
            points_at    text,
            UNIQUE (provider, merchant_id, mode, account, reference)
        );
        CREATE INDEX suspense_open ON suspense (provider, received_at) WHERE settled_at IS NULL;
    """)
