"""Runs this service's migrations."""

from malipo.messaging import tables as messaging
from malipo.platform.migrations import run_from_env
from provider_kit import tables

run_from_env(messaging.metadata, tables.metadata)
