"""Inbox and outbox; attempts and the replica of merchants' credentials; pauses that Daraja asks for."""

from malipo.messaging import migration as messaging
from malipo.platform.migrations import script
from provider_kit import migration as providers

revision = "0001"
down_revision = None

_PAUSES = """
CREATE TABLE pauses (
    app          text PRIMARY KEY,
    paused_until timestamptz NOT NULL
);
"""


def upgrade() -> None:
    script(messaging.V1)
    script(providers.V1)
    script(_PAUSES)
