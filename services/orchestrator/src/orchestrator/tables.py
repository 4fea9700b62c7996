"""The orchestrator's tables. Of each column this is the only place beside its migration."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
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
from malipo.platform.retention_settings import INBOX_DAYS

metadata = MetaData()

RESENDABLE_DAYS = INBOX_DAYS - 10
"""What was published longer ago is not resent: its receivers no longer know that they have it, and nor does the merchant."""

PAYMENT_CHANGES = (
    Column("state", Text, nullable=False),
    Column("captured_minor", BigInteger, nullable=False),
    Column("had_money", Boolean, nullable=False),
    Column("reference", Text),
    Column("known_references", JSONB, nullable=False),
    Column("paid_reference", Text),
    Column("assigned_reference", Text),
    Column("action", JSONB),
    Column("action_at", MOMENT),
    Column("failure", JSONB),
    Column("step", Integer, nullable=False),
    Column("event_sequence", Integer, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("confirms", Integer, nullable=False),
    Column("confirming", Boolean, nullable=False),
    Column("queries", Integer, nullable=False),
    Column("unanswered", Boolean, nullable=False),
    Column("asked_step", Integer, nullable=False),
    Column("pending_seconds", Double),
    Column("in_doubt_since", MOMENT),
    Column("updated_at", MOMENT, nullable=False),
    Column("unclear", Boolean, nullable=False),
    Column("payer", Text),
    Column("begun", Boolean, nullable=False),
    Column("pending_reason", Text),
    Column("execution_at", MOMENT),
)
"""What changes of a payment; all else it is created with."""

PAYMENTS = Table(
    "payments",
    metadata,
    Column("id", Text, primary_key=True),
    Column("merchant_id", Text, nullable=False),
    Column("mode", Text, nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    Column("currency", Text, nullable=False),
    Column("method", JSONB, nullable=False),
    Column("capture", Text, nullable=False),
    Column("config_version", BigInteger, nullable=False),
    Column("provider", Text),
    Column("account", Text, nullable=False),
    Column("late_payments", Text, nullable=False),
    Column("customer_ref", Text),
    Column("client_ref", Text),
    Column("description", Text),
    Column("metadata", JSONB, nullable=False),
    Column("return_url", Text),
    Column("traceparent", Text),
    Column("expires_at", MOMENT, nullable=False),
    Column("created_at", MOMENT, nullable=False),
    *PAYMENT_CHANGES,
    Column("cancel_url", Text),
    Column("remittance", Text),
    Column("statement_descriptor", Text),
    Column("save_method", Boolean, nullable=False),
    Column("subject", Text, nullable=False),
)
Index("payments_in_doubt", PAYMENTS.c.in_doubt_since, postgresql_where=PAYMENTS.c.in_doubt_since.is_not(None))

OPERATION_CHANGES = (
    Column("state", Text, nullable=False),
    Column("reference", Text),
    Column("failure", JSONB),
    Column("queries", Integer, nullable=False),
    Column("unanswered", Boolean, nullable=False),
    Column("asked_step", Integer, nullable=False),
    Column("pending_seconds", Double),
    Column("dispatched_at", MOMENT),
    Column("in_doubt_since", MOMENT),
    Column("updated_at", MOMENT, nullable=False),
    Column("came_back", Boolean, nullable=False),
    Column("unclear", Boolean, nullable=False),
    Column("dispute", JSONB),
)
"""What changes of a capture, cancel, refund or dispute."""

OPERATIONS = Table(
    "operations",
    metadata,
    Column("id", Text, primary_key=True),
    Column("payment_id", Text, ForeignKey("payments.id"), nullable=False),
    Column("subject", Text, nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    Column("reason", Text),
    Column("opened_by", Text, nullable=False),
    Column("created_at", MOMENT, nullable=False),
    *OPERATION_CHANGES,
    Column("final", Boolean, nullable=False),
)
Index("operations_by_payment", OPERATIONS.c.payment_id)
Index("operations_in_doubt", OPERATIONS.c.in_doubt_since, postgresql_where=OPERATIONS.c.in_doubt_since.is_not(None))

CARD_CHANGES = (
    Column("brand", Text, nullable=False),
    Column("last_four", Text, nullable=False),
    Column("exp_month", Integer, nullable=False),
    Column("exp_year", Integer, nullable=False),
    Column("fingerprint", Text),
    Column("updated_at", MOMENT, nullable=False),
    Column("changed", JSONB),
)
"""What changes of a saved method."""

PAYMENT_METHODS = Table(
    "payment_methods",
    metadata,
    Column("id", Text, primary_key=True),
    Column("payment_id", Text, ForeignKey("payments.id"), nullable=False, unique=True),
    Column("merchant_id", Text, nullable=False),
    Column("mode", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("reference", Text, nullable=False),
    Column("holder", Text),
    Column("created_at", MOMENT, nullable=False),
    *CARD_CHANGES,
)
"""Methods that payments have saved for later ones: `reference` and `holder` are the provider's ids of it and of whose it is."""

HISTORY = Table(
    "history",
    metadata,
    Column("payment_id", Text, ForeignKey("payments.id"), primary_key=True),
    Column("step", Integer, primary_key=True, autoincrement=False),
    Column("operation_id", Text),
    Column("from_state", Text, nullable=False),
    Column("to_state", Text, nullable=False),
    Column("trigger", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("cause_message_id", Text, nullable=False),
    Column("detail", Text),
    Column("contradiction", Boolean, nullable=False),
    Column("event_id", Text),
    Column("event_type", Text),
    Column("event_sequence", Integer),
    Column("occurred_at", MOMENT, nullable=False),
    Column("message", LargeBinary, nullable=False),
    Column("message_id", Text, nullable=False),
    Column("traceparent", Text),
    Column("recorded_at", MOMENT, nullable=False, server_default=func.now()),
    UniqueConstraint("payment_id", "event_sequence"),
    Index("history_by_age", "recorded_at"),
    info=ByMonth(
        "payment_id",
        "history_days",
        prefix="pay",
        needed=(
            # Everything that has not ended has a deadline.
            Need(
                "payments of it have not ended",
                "SELECT DISTINCT payment_id FROM timers WHERE payment_id >= {low} AND payment_id < {high}",
            ),
        ),
        lately=Need(
            f"steps of it were published within the last {RESENDABLE_DAYS} days, and may be resent",
            f"SELECT payment_id || ' step ' || step FROM {{part}} WHERE recorded_at > now() - interval '{RESENDABLE_DAYS} days'",  # noqa: S608
        ),
    ).info,
)
"""Each step of a payment with the message that was published, its id and its trace, so that it can be resent. All of a payment
are in the month of its id, so that a step is there once."""

ROLL_CALLS = Table(
    "roll_calls",
    metadata,
    Column("delay_seconds", Double, primary_key=True, autoincrement=False),
    Column("called_until", MOMENT, nullable=False),
)

REFUSALS = Table(
    "refusals",
    metadata,
    Column("operation_id", Text, primary_key=True),
    Column("payment_id", Text, ForeignKey("payments.id"), nullable=False),
    Column("message", LargeBinary, nullable=False),
    Column("message_id", Text, nullable=False),
    Column("traceparent", Text),
    Column("recorded_at", MOMENT, nullable=False, server_default=func.now()),
    Index("refusals_by_payment", "payment_id"),
    Index("refusals_by_age", "recorded_at", postgresql_using="brin"),
)

TIMERS = Table(
    "timers",
    metadata,
    Column("subject_id", Text, primary_key=True),
    Column("payment_id", Text, ForeignKey("payments.id"), nullable=False),
    Column("due_at", MOMENT, nullable=False),
    Index("timers_due", "due_at"),
)

RECEIPTS = Table(
    "receipts",
    metadata,
    Column("provider", Text, primary_key=True),
    Column("merchant_id", Text, primary_key=True),
    Column("mode", Text, primary_key=True),
    Column("account", Text, primary_key=True),
    Column("reference", Text, primary_key=True),
    Column("payment_id", Text, ForeignKey("payments.id"), nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    Column("currency", Text, nullable=False),
)
"""Which payment has which money, of providers that report money that came without one."""

SUSPENSE = Table(
    "suspense",
    metadata,
    Column("id", Text, primary_key=True),
    Column("merchant_id", Text, nullable=False),
    Column("mode", Text, nullable=False),
    Column("provider", Text, nullable=False),
    Column("account", Text, nullable=False),
    Column("reference", Text, nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    Column("currency", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("received_at", MOMENT, nullable=False),
    Column("assigned_to", Text, ForeignKey("payments.id")),
    Column("settled_at", MOMENT),
    Column("settled_by", Text),
    Column("because", Text),
    Column("points_at", Text),
    UniqueConstraint("provider", "merchant_id", "mode", "account", "reference"),
    Index("suspense_open", "provider", "received_at", postgresql_where=text("settled_at IS NULL")),
)
"""Money at a merchant's account that no payment explains, until it is settled: assigned to a payment, or ended without one."""
