"""Alembic's entry: everything it needs is in `malipo.platform.migrations`."""

from malipo.messaging import tables as messaging
from malipo.platform.migrations import run_from_env
from webhook_dispatcher import tables

run_from_env(messaging.metadata, tables.metadata)
