"""Runs this service's migrations."""

from malipo.messaging import tables as messaging
from malipo.platform.migrations import run_from_env
from provider_kit import tables as kit
from provider_stripe import tables

run_from_env(messaging.metadata, kit.metadata, tables.metadata)
