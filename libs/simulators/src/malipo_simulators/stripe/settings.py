"""The settings of the Stripe simulator, beside those that every simulator has."""

from dataclasses import dataclass

from malipo_simulators.kit.settings import SimulatorSettings

API_VERSION = "2026-10-28.endive"


@dataclass(frozen=True, slots=True)
class StripeSettings(SimulatorSettings):
    """`refund_delay_seconds`: after how long the refunds of certain test cards change.

    `settling_seconds`: how long after an asynchronous capture its balance transaction is there. `aftermath_seconds`: how long
    after a payment the test cards that dispute do so, and how long a bank thinks about evidence that decides.
    `settles_in`: the currency that every account is kept in; without it, each payment's own.
    """

    max_events: int = 100_000
    refund_delay_seconds: float = 1.0
    settling_seconds: float = 1.0
    aftermath_seconds: float = 1.0
    settles_in: str | None = None
