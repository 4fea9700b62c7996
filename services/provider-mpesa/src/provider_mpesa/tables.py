"""The tables that M-Pesa's service has beside those of every provider's service."""

from sqlalchemy import Column, MetaData, Table, Text

from malipo.messaging.tables import MOMENT

metadata = MetaData()

PAUSES = Table(
    "pauses",
    metadata,
    Column("app", Text, primary_key=True),
    Column("paused_until", MOMENT, nullable=False),
)
"""Apps at Daraja, by the SHA-256 of their name, that have asked too often: nobody sends anything for them until then."""
