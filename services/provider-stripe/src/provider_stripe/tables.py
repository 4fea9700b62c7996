"""The tables that Stripe's service has beside those of every provider's service."""

from sqlalchemy import Column, Integer, MetaData, Table, Text, func, text

from malipo.messaging.tables import MOMENT

metadata = MetaData()

CUSTOMERS = Table(
    "customers",
    metadata,
    Column("name", Text, primary_key=True),
    Column("number", Integer, nullable=False, server_default=text("1")),
    Column("reference", Text),
    Column("begun_at", MOMENT, nullable=False, server_default=func.now()),
)
"""The customer at Stripe of each customer of a merchant's account, by a hash of these: `number` counts how often one was begun,
because the one before was deleted or is another account's; `reference` is NULL until the last one is known to be there."""
