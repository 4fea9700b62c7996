"""Runs by `orchestrator migrate`."""

from malipo.platform.migrations import run_from_env

run_from_env()
