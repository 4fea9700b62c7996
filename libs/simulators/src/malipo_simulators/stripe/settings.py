"""The settings of the Stripe simulator, beside those that every simulator has."""

from dataclasses import dataclass

from malipo_simulators.kit.settings import SimulatorSettings

API_VERSION = "2026-10-28.endive"


@dataclass(frozen=True, slots=True)
class StripeSettings(SimulatorSettings):
    """`refund_delay_seconds`: after how long the refunds of certain test cards change."""

    max_events: int = 100_000
    refund_delay_seconds: float = 1.0
