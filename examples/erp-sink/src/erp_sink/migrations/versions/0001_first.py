"""How far payments are booked, and the documents to post, beside the inbox and outbox of `malipo.messaging`."""

from malipo.messaging import migration
from malipo.platform.migrations import script

revision = "0001"
down_revision = None

OWN = """
CREATE TABLE booked (
    payment_id    text PRIMARY KEY,
    sequence      integer NOT NULL,  -- of the last event that is booked
    balance_minor bigint NOT NULL    -- what its documents make up
);

CREATE TABLE documents (
    number     text PRIMARY KEY,
    payment_id text NOT NULL,
    body       jsonb NOT NULL,
    state      text NOT NULL DEFAULT 'due' CHECK (state IN ('due', 'posted', 'refused')),
    tries      integer NOT NULL DEFAULT 0,
    due_at     timestamptz NOT NULL DEFAULT now(),  -- of one that is being posted: when who does so must be dead
    answer     text NOT NULL DEFAULT '',            -- the last that the ERP said
    ended_at   timestamptz
);
CREATE INDEX documents_due ON documents (due_at) WHERE state = 'due';
"""


def upgrade() -> None:
    script(migration.V1)
    script(OWN)
