"""The tables of a provider service. Of each column this is the only place beside its migration."""

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from malipo.messaging.tables import MOMENT

metadata = MetaData()

NEW_ATTEMPT = (
    Column("id", Text, primary_key=True),
    Column("operation_id", Text, nullable=False),
    Column("payment_id", Text, nullable=False),
    Column("merchant_id", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("command", LargeBinary, nullable=False),
    Column("headers", JSONB, nullable=False),
    Column("expires_at", MOMENT),
)
"""What an attempt is made with."""

ATTEMPTS = Table(
    "attempts",
    metadata,
    *NEW_ATTEMPT,
    Column("position", BigInteger, Identity(always=True), nullable=False),
    Column("tries", Integer, nullable=False, server_default=text("0")),
    Column("first_sent_at", MOMENT),
    Column("account_fingerprint", Text),
    Column("withdrawn_step", Integer),
    Column("reference", Text),
    Column("outcome", JSONB),
    Column("problem", Text),
    Column("due_at", MOMENT, nullable=False, server_default=func.now()),
    Column("lease_token", Text),
    Column("lease_until", MOMENT),
    Column("done_at", MOMENT),
    Column("created_at", MOMENT, nullable=False, server_default=func.now()),
    Index("attempts_open", "payment_id", "position", postgresql_where=text("done_at IS NULL")),
    Index("attempts_orders_due", "due_at", postgresql_where=text("done_at IS NULL AND kind <> 'query'")),
    Index("attempts_queries_due", "due_at", postgresql_where=text("done_at IS NULL AND kind = 'query'")),
    Index("attempts_reference", "reference", postgresql_where=text("reference IS NOT NULL")),
)
"""What is to be sent, was sent, and came back. For an order `id` is its operation's id, so that one operation can never be
two attempts. `first_sent_at` is set while a try may have reached the provider, and `credentials` is then the fingerprint of the
account that it went to. `withdrawn_step` asked to withdraw a charge that was being sent then. After `expires_at` nothing is
sent that could take money."""

MERCHANTS = Table(
    "merchants",
    metadata,
    Column("merchant_id", Text, primary_key=True),
    Column("version", BigInteger, nullable=False),
)

REMINDERS = Table(
    "reminders",
    metadata,
    Column("message_id", Text, primary_key=True),
    Column("shard", SmallInteger, nullable=False),
    Column("topic", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("headers", JSONB, nullable=False),
    Column("payload", LargeBinary, nullable=False),
    Column("due_at", MOMENT, primary_key=True),
    Index("reminders_due", "due_at"),
)
"""Words of callbacks that are to be told again."""

UNMATCHED = Table(
    "unmatched",
    metadata,
    Column("credential_id", Text, primary_key=True),
    Column("callback_id", Text, primary_key=True),
    Column("number", SmallInteger, primary_key=True, autoincrement=False),
    Column("merchant_id", Text, nullable=False),
    Column("mode", Text, nullable=False),
    Column("event_type", Text, nullable=False),
    Column("reference_ids", JSONB, nullable=False),
    Column("amount_minor", BigInteger),
    Column("currency", Text),
    Column("concerns", Text, nullable=False),
    Column("received_at", MOMENT, nullable=False, server_default=func.now()),
    Index("unmatched_received", "received_at"),
)
"""What the provider told of that nobody ordered here, its ids only, by the callback that said so."""

CREDENTIALS = Table(
    "credentials",
    metadata,
    Column("id", Text, primary_key=True),
    Column("merchant_id", Text, ForeignKey("merchants.merchant_id"), nullable=False),
    Column("mode", Text, nullable=False),
    Column("ciphertext", Text, nullable=False),
    UniqueConstraint("merchant_id", "mode"),
)
"""With the merchants the replica of the gateway's configuration."""
