"""Alembic's entry: everything it needs is in `malipo.platform.migrations`."""

from malipo.platform.migrations import run_from_env

run_from_env()
