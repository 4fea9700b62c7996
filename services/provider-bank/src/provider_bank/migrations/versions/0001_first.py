"""Inbox and outbox; attempts and the replica of merchants' credentials."""

from malipo.messaging import migration as messaging
from malipo.platform.migrations import script
from provider_kit import migration as providers

revision = "0001"
down_revision = None


def upgrade() -> None:
    script(messaging.V1)
    script(providers.V1)
