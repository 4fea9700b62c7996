"""Runs by `orchestrator migrate`."""

from malipo.messaging import tables as messaging
from malipo.platform.migrations import run_from_env
from orchestrator import tables

run_from_env(messaging.metadata, tables.metadata)
