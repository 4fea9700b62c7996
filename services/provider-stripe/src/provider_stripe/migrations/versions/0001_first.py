"""Inbox and outbox; attempts and the replica of merchants' credentials; merchants' customers at Stripe."""

from malipo.messaging import migration as messaging
from malipo.platform.migrations import script
from provider_kit import migration as providers

revision = "0001"
down_revision = None

_OWN = """
CREATE TABLE customers (
    name      text PRIMARY KEY,
    number    integer NOT NULL DEFAULT 1,
    reference text,
    begun_at  timestamptz NOT NULL DEFAULT now()
);
"""


def upgrade() -> None:
    script(messaging.V1)
    script(providers.V1)
    script(_OWN)
