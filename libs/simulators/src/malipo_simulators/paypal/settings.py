"""The settings of the PayPal simulator, beside those that every simulator has."""

from dataclasses import dataclass, field
from enum import StrEnum

from malipo_simulators.kit.settings import SimulatorSettings

HOUR_SECONDS, DAY_SECONDS = 3_600, 86_400


def webhook_pauses() -> tuple[float, ...]:
    """25 of them, as PayPal repeats a notification up to 25 times; its three days are four minutes here."""
    return (0.2, 1.0, 3.0, *([10.0] * 22))


class Approve(StrEnum):
    """Which payers approve by themselves, of those that no script decides about."""

    ALL = "all"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class PaypalSettings(SimulatorSettings):
    """`receivers_url` is the base of certificates' addresses, where receivers of webhooks reach us under another name than who
    makes the webhooks. `approve_seconds` is how long payers take who need no page, `pending_seconds` how long what is pending stays so.

    Limits of PayPal's documentation: `token_seconds`; `order_key_seconds` and `payment_key_seconds` are for how long a
    PayPal-Request-Id is known, `redirect_seconds` and `approval_seconds` how long a payer may take to come and then to
    approve, `completion_seconds` how long an approved order can be captured or authorized (a choice: it is not documented),
    `honor_seconds` and `authorization_seconds` how long an authorization is honoured and valid. `over_capture_percent` is
    what may be captured of an authorization. `unique_invoices` is a merchant's own setting at PayPal: no invoice id is paid
    twice. `fee_basis_points` and `fee_fixed_minor` make the fee of a capture. `report_lag_seconds` is how long transactions
    and balances take to be reported: at PayPal up to three hours.
    """

    receivers_url: str | None = None
    approve: Approve = Approve.NONE
    approve_seconds: float = 1.0
    pending_seconds: float = 5.0
    token_seconds: int = 32_400
    order_key_seconds: int = 6 * HOUR_SECONDS
    payment_key_seconds: int = 45 * DAY_SECONDS
    redirect_seconds: int = 3 * HOUR_SECONDS
    approval_seconds: int = 3 * HOUR_SECONDS
    completion_seconds: int = 3 * HOUR_SECONDS
    honor_seconds: int = 3 * DAY_SECONDS
    authorization_seconds: int = 29 * DAY_SECONDS
    refund_seconds: int = 180 * DAY_SECONDS
    over_capture_percent: int = 115
    max_captures: int = 10
    max_payment_attempts: int = 10
    unique_invoices: bool = True
    fee_basis_points: int = 349
    fee_fixed_minor: int = 49
    max_scripts: int = 1_000
    report_lag_seconds: int = 0
    report_range_seconds: int = 31 * DAY_SECONDS
    report_history_seconds: int = 3 * 365 * DAY_SECONDS
    max_report_rows: int = 10_000
    webhook_retry_seconds: tuple[float, ...] = field(default_factory=webhook_pauses)
