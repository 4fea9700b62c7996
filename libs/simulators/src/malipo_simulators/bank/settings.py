"""The settings of the bank's simulator, beside those that every simulator has."""

from dataclasses import dataclass, field

from malipo_simulators.kit.settings import SimulatorSettings

MINUTE_SECONDS, DAY_SECONDS = 60, 86_400


def webhook_pauses() -> tuple[float, ...]:
    """As the contract has them: 1, 5 and 30 minutes, 2, 6 and 24 hours, then once a day until three days are over."""
    minutes = (1, 5, 30, 120, 360, 1_440, 1_440)
    return tuple(float(one * MINUTE_SECONDS) for one in minutes)


@dataclass(frozen=True, slots=True)
class BankSettings(SimulatorSettings):
    """`begin_seconds` is how long a payment is initiated before it goes, if its rail is open; `rtp_seconds` and
    `zelle_seconds` how long it is then processed. `hold_seconds`, `research_seconds` and `return_answer_seconds` are for
    what ends by itself: a check, research, another bank's answer to a return request.

    `day_seconds` shortens the calendar: every rail is open at any time, and a day, a banking day too, lasts so long.
    `customers` are those that there are; left empty, whoever comes is one. `opening_balance_minor` is what every account
    begins with, in cents. Limits of the contract: `key_seconds` (of an Idempotency-Key), `token_seconds`,
    `unclaimed_days`.
    """

    begin_seconds: float = 0.5
    rtp_seconds: float = 1.0
    zelle_seconds: float = 2.0
    hold_seconds: float = 5.0
    research_seconds: float = 5.0
    return_answer_seconds: float = 5.0
    day_seconds: float | None = None
    customers: frozenset[str] = frozenset()
    opening_balance_minor: int = 100_000_000_00
    key_seconds: int = 7 * DAY_SECONDS
    token_seconds: int = 1_800
    unclaimed_days: int = 14
    max_scripts: int = 1_000
    max_events: int = 100_000
    webhook_retry_seconds: tuple[float, ...] = field(default_factory=webhook_pauses)
