"""The webhook dispatcher's tables. Of each column this is the only place beside its migration."""

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    false,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from malipo.messaging.tables import MOMENT

metadata = MetaData()

MERCHANTS = Table(
    "merchants",
    metadata,
    Column("merchant_id", Text, primary_key=True),
    Column("version", BigInteger, nullable=False),
    Column("asked_at", MOMENT),
)
"""`version` 0: known from events, never configured; `asked_at` is when a newer configuration was last requested."""

ENDPOINTS = Table(
    "endpoints",
    metadata,
    Column("endpoint_id", Text, primary_key=True),
    Column("merchant_id", Text, ForeignKey("merchants.merchant_id"), nullable=False),
    Column("mode", Text, nullable=False),
    Column("url", Text, nullable=False),
    Column("secret_ciphertext", Text, nullable=False),
    Column("event_types", ARRAY(Text), nullable=False),
    Column("gone_at", MOMENT),
    Column("gone_because", Text),
    Index("endpoints_of_merchant", "merchant_id"),
)
"""Empty `event_types` means all."""

EVENTS = Table(
    "events",
    metadata,
    Column("event_id", Text, primary_key=True),
    Column("merchant_id", Text, ForeignKey("merchants.merchant_id"), nullable=False),
    Column("mode", Text, nullable=False),
    Column("payment_id", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("config_version", BigInteger, nullable=False),
    Column("headers", JSONB, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("observed_at", MOMENT, nullable=False),
    Column("created_at", MOMENT, nullable=False, server_default=func.now()),
    Column("fanned_out", Boolean, nullable=False, server_default=false()),
    Index("events_by_age", "created_at", postgresql_using="brin"),
    Index("events_waiting", "merchant_id", "config_version", postgresql_where=text("NOT fanned_out")),
    Index("events_waiting_of_payment", "payment_id", postgresql_where=text("NOT fanned_out")),
)
"""`headers` are the trace and the client reference, to pass on; `body` is exactly as it is sent; `observed_at` is when
its cause was received."""

DELIVERIES = Table(
    "deliveries",
    metadata,
    Column("delivery_id", Text, primary_key=True),
    Column("event_id", Text, ForeignKey("events.event_id", ondelete="CASCADE"), nullable=False),
    Column("endpoint_id", Text, ForeignKey("endpoints.endpoint_id"), nullable=False),
    Column("payment_id", Text, nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("state", Text, nullable=False, server_default=text("'pending'")),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("due_at", MOMENT),
    Column("failing_since", MOMENT),
    Column("overtaken_at", MOMENT),
    Column("lease_token", Text),
    Column("lease_until", MOMENT),
    Column("created_at", MOMENT, nullable=False, server_default=func.now()),
    Column("ended_at", MOMENT),
    UniqueConstraint("event_id", "endpoint_id"),
    Index("deliveries_due", "endpoint_id", "due_at", postgresql_where=text("state = 'pending' AND due_at IS NOT NULL")),
    Index(
        "deliveries_failing",
        "failing_since",
        postgresql_where=text("state = 'pending' AND overtaken_at IS NULL AND failing_since IS NOT NULL"),
    ),
    Index("deliveries_in_order", "endpoint_id", "payment_id", "sequence", postgresql_where=text("state = 'pending'")),
    Index("deliveries_leased", "endpoint_id", postgresql_where=text("lease_token IS NOT NULL")),
)
"""`due_at` is set on the first pending one of each endpoint and payment, and on those that were overtaken: those behind are not
due, and no query has to step over them. `failing_since` is its first attempt that failed, or could not be made; since
`overtaken_at` later events of its payment do not wait for it."""

ATTEMPTS = Table(
    "attempts",
    metadata,
    Column("delivery_id", Text, ForeignKey("deliveries.delivery_id", ondelete="CASCADE"), primary_key=True),
    Column("attempt", Integer, primary_key=True, autoincrement=False),
    Column("attempted_at", MOMENT, nullable=False),
    Column("duration_ms", Integer, nullable=False),
    Column("result", Text, nullable=False),
    Column("http_status", Integer),
    Column("error", Text),
    Column("response", Text, nullable=False),
)
