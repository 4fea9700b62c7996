"""The orchestrator's settings: those that every service has."""

from malipo.platform.settings import ServiceSettings


class Settings(ServiceSettings):
    """No settings of its own: what a payment may do stands in the state table."""
