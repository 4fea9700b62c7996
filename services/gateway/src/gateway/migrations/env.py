"""Alembic's entry: runs the gateway's migrations on the connection that the platform opens."""

from malipo.platform.migrations import run_from_env

run_from_env()
