"""Alembic's entry: runs the gateway's migrations on the connection that the platform opens."""

from gateway import tables
from malipo.messaging import tables as messaging
from malipo.platform.migrations import run_from_env

run_from_env(messaging.metadata, tables.metadata)
