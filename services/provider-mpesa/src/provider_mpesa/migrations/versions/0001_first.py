"""Inbox and outbox; attempts and the replica of credentials; pauses that Daraja asks for, purposes of payments, registrations."""

from malipo.messaging import migration as messaging
from malipo.platform.migrations import script
from provider_kit import migration as providers

revision = "0001"
down_revision = None

_OWN = """
CREATE TABLE pauses (
    app          text PRIMARY KEY,
    paused_until timestamptz NOT NULL,
    next_turn_at timestamptz
);

CREATE TABLE purposes (
    account   text NOT NULL,
    reference text NOT NULL,
    kept_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (account, reference)
);
CREATE INDEX purposes_kept ON purposes (kept_at);

CREATE TABLE registrations (
    credential_id text NOT NULL,
    name          text NOT NULL,
    shortcode     text NOT NULL,
    address       text NOT NULL,
    is_answered   boolean NOT NULL DEFAULT true,
    registered_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (credential_id, name)
);
"""


def upgrade() -> None:
    script(messaging.V1)
    script(providers.V1)
    script(_OWN)
