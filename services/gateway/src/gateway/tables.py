"""The gateway's tables: what it owns, and its read models of payments. Of each column this is the only place beside its migration."""

from sqlalchemy import (
    ARRAY,
    JSON,
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from malipo.messaging.tables import MOMENT
from malipo.platform.months import ByMonth, Need

metadata = MetaData()

TOLD_DAYS = 90
"""For so long at least a timeline shows what has happened, however old its payment is."""
UNDER_WAY = "('initiated', 'processing', 'requires_action', 'authorized')"
"""The statuses of payments that have not ended, as a statement lists them."""

AUDIT_LOG = Table(
    "audit_log",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("at", MOMENT, nullable=False, primary_key=True),
    Column("request_id", Text, nullable=False),
    Column("merchant_id", Text),
    Column("key_id", Text),
    Column("allowed", Boolean, nullable=False),
    Column("reason", Text, nullable=False),
    Column("method", Text, nullable=False),
    Column("route", Text, nullable=False),
    Column("remote", Text, nullable=False),
    Index("audit_log_by_age", "at", postgresql_using="brin"),
    Index("audit_log_by_merchant", "merchant_id", "id"),
    info=ByMonth("at", "audit_days").info,
)
"""Every decision about a key."""

EVENTS = Table(
    "events",
    metadata,
    Column("position", BigInteger, Identity(always=True), primary_key=True),
    Column("id", Text, nullable=False, unique=True),
    Column("payment_id", Text, nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("merchant_id", Text, nullable=False),
    Column("mode", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("body", JSON, nullable=False),
    UniqueConstraint("payment_id", "sequence"),
    Index("events_by_merchant", "merchant_id", "mode", "position"),
)

IDEMPOTENCY_KEYS = Table(
    "idempotency_keys",
    metadata,
    Column("merchant_id", Text, primary_key=True),
    Column("mode", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("route", Text, nullable=False),
    Column("fingerprint", LargeBinary, nullable=False),
    Column("resource_id", Text, nullable=False),
    Column("created_at", MOMENT, nullable=False, server_default=func.now()),
    Index("idempotency_keys_by_age", "created_at"),
)

MERCHANTS = Table(
    "merchants",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("config_version", Integer, nullable=False, server_default=text("0")),
    Column("late_payments", JSONB, nullable=False, server_default=text("'{}'")),
    Column("created_at", MOMENT, nullable=False, server_default=func.now()),
)

"""`late_payments` holds the merchant's choice by mode, in the row that is read with every payment."""

MOVEMENTS = Table(
    "movements",
    metadata,
    Column("merchant_id", Text, primary_key=True),
    Column("mode", Text, primary_key=True),
    Column("provider", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("account", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("payment_id", Text),
    Column("operation_id", Text),
    Column("reference", Text),
    Column("currency", Text, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("fee", BigInteger, nullable=False),
    Column("net", BigInteger, nullable=False),
    Column("exchange_rate", Text),
    Column("moved_at", MOMENT, nullable=False),
    Column("available_at", MOMENT),
    Index("movements_by_payment", "payment_id", postgresql_where=text("payment_id IS NOT NULL")),
    Index("movements_by_time", "merchant_id", "mode", "moved_at", "id"),
)
"""What moved the balances of merchants' accounts, with fees; `payment_id` is whose money it was, as far as is known."""

OPERATIONS = Table(
    "operations",
    metadata,
    Column("id", Text, primary_key=True),
    Column("payment_id", Text, nullable=False),
    Column("merchant_id", Text, nullable=False),
    Column("mode", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("step", Integer, nullable=False),
    Column("refusal", JSONB),
    Column("view", JSON, nullable=False),
    Index("operations_by_payment", "payment_id", "kind", "id"),
)

PAYMENTS = Table(
    "payments",
    metadata,
    Column("id", Text, primary_key=True),
    Column("merchant_id", Text, nullable=False),
    Column("mode", Text, nullable=False),
    Column("step", Integer, nullable=False),
    Column("status", Text, nullable=False),
    Column("provider", Text),
    Column("currency", Text, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("client_ref", Text),
    Column("customer_ref", Text),
    Column("view", JSON, nullable=False),
    Index(
        "payments_by_client_ref", "merchant_id", "mode", "client_ref", postgresql_where=text("client_ref IS NOT NULL")
    ),
    Index(
        "payments_by_customer_ref",
        *("merchant_id", "mode", "customer_ref"),
        postgresql_where=text("customer_ref IS NOT NULL"),
    ),
    Index("payments_by_status", "merchant_id", "mode", "status", "id"),
    Index("payments_newest", "merchant_id", "mode", "id"),
)
"""The read model. `view` is JSON, not JSONB: it keeps the order of fields in which merchants see them. A payment is as old as its
id: by time is by id. The index by status makes a change of status dearer, which happens once or twice to a payment, and
without it a rare status is sought among all payments of a merchant."""

PAYMENT_METHODS = Table(
    "payment_methods",
    metadata,
    Column("id", Text, primary_key=True),
    Column("merchant_id", Text, nullable=False),
    Column("mode", Text, nullable=False),
    Column("customer_ref", Text, nullable=False),
    Column("step", Integer, nullable=False),
    Column("view", JSON, nullable=False),
    Column("detach_id", Text),
    Index("payment_methods_by_customer", "merchant_id", "mode", "customer_ref", "id"),
    Index("payment_methods_newest", "merchant_id", "mode", "id"),
)
"""The read model of saved methods; `step` is that of the payment that has saved one. `detach_id` is the detach that was accepted last:
since then nothing is paid with it, whatever the orchestrator has told so far."""

SAVED_CHARGES = Table(
    "saved_charges",
    metadata,
    Column("payment_id", Text, primary_key=True),
    Column("merchant_id", Text, nullable=False),
    Column("mode", Text, nullable=False),
    Column("payment_method", Text, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("accepted_at", MOMENT, nullable=False),
    Column("series", Text),
    Column("number", Integer),
    UniqueConstraint("merchant_id", "mode", "series", "number"),
    Index("saved_charges_by_method", "payment_method", "payment_id"),
    Index(
        "saved_charges_by_series",
        *("merchant_id", "mode", "series", "accepted_at"),
        postgresql_where=text("series IS NOT NULL"),
    ),
)
"""The charges of saved methods as they were accepted. In a series each has a `number`, which no other has: of two that are accepted
at the same time one is decided anew."""

SERIES = Table(
    "series",
    metadata,
    Column("merchant_id", Text, primary_key=True),
    Column("mode", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("customer_ref", Text, nullable=False),
    Column("currency", Text, nullable=False),
    Column("max_amount", BigInteger, nullable=False),
    Column("max_count", Integer, nullable=False),
    Column("per", Text, nullable=False),
    Column("starts_at", MOMENT, nullable=False),
    Column("created_at", MOMENT, nullable=False, server_default=func.now()),
    Column("updated_at", MOMENT, nullable=False, server_default=func.now()),
)
"""What merchants may charge in each period of a mandate; `id` is their own."""

TIMELINE = Table(
    "timeline",
    metadata,
    Column("payment_id", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("at", MOMENT, nullable=False),
    Column("entry", JSON, nullable=False),
    Index("timeline_by_age", "at", postgresql_using="brin"),
    info=ByMonth(
        "payment_id",
        "timeline_days",
        prefix="pay",
        needed=(
            Need(
                "payments of it have not ended",
                f"SELECT id FROM payments WHERE id >= {{low}} AND id < {{high}} AND status IN {UNDER_WAY}",  # noqa: S608
            ),
        ),
        lately=Need(
            f"something happened to payments of it within the last {TOLD_DAYS} days",
            # The payments' own order would lead by the primary key through all of the month.
            f"WITH late AS MATERIALIZED (SELECT payment_id FROM {{part}} WHERE at > now() - interval '{TOLD_DAYS} days') "  # noqa: S608
            "SELECT DISTINCT payment_id FROM late",
        ),
    ).info,
)
"""What happened to payments, and to methods that are saved without one. All of a payment are in the month of its id; the methods'
are in no month."""

UNANSWERED = Table(
    "unanswered",
    metadata,
    Column("operation_id", Text, primary_key=True),
    Column("payment_id", Text, nullable=False),
    Column("message_id", Text, nullable=False),
    Column("headers", JSONB, nullable=False),
    Column("payload", LargeBinary, nullable=False),
    Column("tries", Integer, nullable=False, server_default=text("1")),
    Column("accepted_at", MOMENT, nullable=False, server_default=func.now()),
    Column("sent_at", MOMENT, nullable=False, server_default=func.now()),
    Column("waits_from", MOMENT, nullable=False, server_default=func.now()),
    Index("unanswered_tried", "tries", postgresql_where=text("tries > 1")),
    Index("unanswered_waiting", "waits_from"),
)
"""Commands on their way: a row is deleted as soon as the orchestrator has answered for its operation. Of a new
payment `operation_id` is the payment's id."""

API_KEYS = Table(
    "api_keys",
    metadata,
    Column("id", Text, primary_key=True),
    Column("merchant_id", Text, ForeignKey("merchants.id"), nullable=False),
    Column("mode", Text, nullable=False),
    Column("hash", LargeBinary, nullable=False, unique=True),
    Column("scopes", ARRAY(Text), nullable=False),
    Column("created_at", MOMENT, nullable=False, server_default=func.now()),
    Column("expires_at", MOMENT),
    Column("revoked_at", MOMENT),
    Column("last_used_at", MOMENT),
    Index("api_keys_by_merchant", "merchant_id"),
)

CONFIG_ECHOES = Table(
    "config_echoes",
    metadata,
    Column("merchant_id", Text, ForeignKey("merchants.id"), primary_key=True),
    Column("due_at", MOMENT, primary_key=True),
    Index("config_echoes_due", "due_at"),
)

PERSONAL_KEYS = Table(
    "personal_keys",
    metadata,
    Column("payment_id", Text, primary_key=True),
    Column("merchant_id", Text, nullable=False),
    Column("mode", Text, nullable=False),
    Column("customer_ref", Text),
    Column("wrapped", Text),
    Column("erase_requested_at", MOMENT),
    Column("erased_at", MOMENT),
    Column("held_by", JSONB, nullable=False),
    Column("announce_at", MOMENT),
    Index(
        "personal_keys_by_customer",
        "merchant_id",
        "mode",
        "customer_ref",
        postgresql_where=text("customer_ref IS NOT NULL"),
    ),
    Index(
        "personal_keys_to_erase",
        "payment_id",
        postgresql_where=text("erase_requested_at IS NOT NULL AND erased_at IS NULL"),
    ),
    Index("personal_keys_to_announce", "announce_at", postgresql_where=text("announce_at IS NOT NULL")),
)
"""The keys to what is about a person in payments; `wrapped` is NULL once one is destroyed. `held_by` are the providers whose
services may have a copy: they are told at `announce_at` that it is erased, until each has destroyed its own."""

PROVIDER_CREDENTIALS = Table(
    "provider_credentials",
    metadata,
    Column("id", Text, primary_key=True),
    Column("merchant_id", Text, ForeignKey("merchants.id"), nullable=False),
    Column("mode", Text, nullable=False),
    Column("provider", Text, nullable=False),
    Column("label", Text, nullable=False),
    Column("ciphertext", Text, nullable=False),
    Column("masked", JSONB, nullable=False),
    Column("created_at", MOMENT, nullable=False, server_default=func.now()),
    Column("updated_at", MOMENT, nullable=False, server_default=func.now()),
    Column("registered", JSONB),
    UniqueConstraint("merchant_id", "mode", "provider", "label"),
)

WEBHOOK_ENDPOINTS = Table(
    "webhook_endpoints",
    metadata,
    Column("id", Text, primary_key=True),
    Column("merchant_id", Text, ForeignKey("merchants.id"), nullable=False),
    Column("mode", Text, nullable=False),
    Column("url", Text, nullable=False),
    Column("event_types", ARRAY(Text), nullable=False),
    Column("description", Text),
    Column("secret_ciphertext", Text, nullable=False),
    Column("created_at", MOMENT, nullable=False, server_default=func.now()),
    Index("webhook_endpoints_by_merchant", "merchant_id", "mode"),
)


def same_owner(table: Table) -> str:
    """What an upsert of a read model sets the merchant to: himself. Of another merchant or mode it becomes NULL, which the column
    refuses: no message changes what is another's.
    """
    was, told = (f"({name}.merchant_id, {name}.mode)" for name in (table.name, "excluded"))
    return f"merchant_id = CASE WHEN {was} = {told} THEN excluded.merchant_id END"
