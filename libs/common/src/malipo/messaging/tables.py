"""The tables that every service's database has. Of each column this is the only place beside its migration."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    func,
)
from sqlalchemy.dialects.postgresql import JSONB

from malipo.platform.months import ByMonth, Need
from malipo.platform.retention_settings import INBOX_DAYS

metadata = MetaData()

MOMENT = DateTime(timezone=True)
"""The type of a column that holds a moment."""

INBOX = Table(
    "inbox",
    metadata,
    Column("consumer", Text, primary_key=True),
    Column("message_id", Text, primary_key=True),
    Column("received_at", MOMENT, nullable=False, server_default=func.now()),
    Index("inbox_by_age", "received_at", postgresql_using="brin"),
    info=ByMonth(
        "message_id",
        "inbox_days",
        prefix="msg",
        lately=Need(
            f"messages of it came within the last {INBOX_DAYS} days, and may come again",
            f"SELECT message_id FROM {{part}} WHERE received_at > now() - interval '{INBOX_DAYS} days'",  # noqa: S608
        ),
        archived=False,
    ).info,
)
"""Which messages were applied. A message is in the month of its id, so that it is there once, however late it comes again."""

OUTBOX = Table(
    "outbox",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("message_id", Text, nullable=False),
    Column("shard", SmallInteger, nullable=False),
    Column("topic", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("headers", JSONB, nullable=False),
    Column("payload", LargeBinary, nullable=False),
    Column("created_at", MOMENT, nullable=False, server_default=func.now()),
)
"""Which messages are still to be sent: a row is deleted once Kafka has it."""

STEPPED_OVER = Table(
    "stepped_over",
    metadata,
    Column("consumer", Text, primary_key=True),
    Column("topic", Text, primary_key=True),
    Column("partition", Integer, primary_key=True, autoincrement=False),
    Column("first_offset", BigInteger, primary_key=True, autoincrement=False),
    Column("next_offset", BigInteger, nullable=False),
    Column("stepped_at", MOMENT, nullable=False, server_default=func.now()),
    CheckConstraint("next_offset > first_offset"),
)
"""Offsets that an operator has had passed, as no consumer could read what stands there."""
