"""Alembic's entry: everything it needs is in `malipo.platform.migrations`."""

from malipo.messaging import tables
from malipo.platform.migrations import run_from_env

run_from_env(tables.metadata)
