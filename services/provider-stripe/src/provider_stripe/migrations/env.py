"""Runs this service's migrations."""

from malipo.platform.migrations import run_from_env

run_from_env()
