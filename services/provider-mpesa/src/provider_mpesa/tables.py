"""The tables that M-Pesa's service has beside those of every provider's service."""

from sqlalchemy import Boolean, Column, Index, MetaData, Table, Text, func, true

from malipo.messaging.tables import MOMENT

metadata = MetaData()

PAUSES = Table(
    "pauses",
    metadata,
    Column("app", Text, primary_key=True),
    Column("paused_until", MOMENT, nullable=False),
    Column("next_turn_at", MOMENT),
)
"""Apps at Daraja, by the SHA-256 of their name, that have asked too often: nobody sends anything for them until
`paused_until`, and no query of a statement before `next_turn_at`."""

PURPOSES = Table(
    "purposes",
    metadata,
    Column("account", Text, primary_key=True),
    Column("reference", Text, primary_key=True),
    Column("kept_at", MOMENT, nullable=False, server_default=func.now()),
    Index("purposes_kept", "kept_at"),
)
"""The references of payments, in lower case, by the account's fingerprint."""

REGISTRATIONS = Table(
    "registrations",
    metadata,
    Column("credential_id", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("shortcode", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("is_answered", Boolean, nullable=False, server_default=true()),
    Column("registered_at", MOMENT, nullable=False, server_default=func.now()),
)
"""What is registered of accounts at Safaricom. `address`: the SHA-256 of the account's address then; `is_answered`: whether it was
one of the account's when that was last looked at.
"""
