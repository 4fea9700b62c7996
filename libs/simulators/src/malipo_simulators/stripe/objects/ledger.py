"""What the simulator remembers of the account's own money: each movement of its balance, with fees, and payouts."""

from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Protocol

from malipo_simulators.kit.clock import Clock


class Movement(StrEnum):
    """The `type` of a balance transaction."""

    CHARGE = "charge"
    REFUND = "refund"
    REFUND_FAILURE = "refund_failure"
    ADJUSTMENT = "adjustment"
    PAYOUT = "payout"
    PAYOUT_CANCEL = "payout_cancel"
    PAYOUT_FAILURE = "payout_failure"


class Source(Protocol):
    """What moved the balance."""

    @property
    def id(self) -> str: ...


@dataclass(slots=True, eq=False)
class BalanceTransaction:
    """One movement of the balance: `amount` in minor units, negative for what leaves, less `fee`.

    `category` is the reporting category; `payout` the automatic payout that has carried it to the bank. `exchange_rate` has made
    this currency's amount of the payment's.
    """

    id: str
    kind: Movement
    amount: int
    fee: int
    currency: str
    created: int
    available_on: int
    source: Source
    category: str
    clock: Clock
    description: str | None = None
    fee_description: str = "Stripe processing fees"
    payout: "Payout | None" = None
    exchange_rate: Decimal | None = None

    @property
    def net(self) -> int:
        return self.amount - self.fee

    @property
    def is_available(self) -> bool:
        return self.available_on <= self.clock.now()


class PayoutStatus(StrEnum):
    PENDING = "pending"
    IN_TRANSIT = "in_transit"
    PAID = "paid"
    FAILED = "failed"
    CANCELED = "canceled"


@dataclass(slots=True, eq=False)
class Payout:
    """Money on its way to the merchant's bank. An `automatic` one carries everything that was available."""

    id: str
    amount: int
    currency: str
    created: int
    arrival_date: int
    metadata: dict[str, str] = field(default_factory=dict[str, str])
    automatic: bool = False
    description: str | None = None
    statement_descriptor: str | None = None
    status: PayoutStatus = PayoutStatus.PENDING
    transaction: BalanceTransaction | None = None
    failure_transaction: BalanceTransaction | None = None
    failure_code: str | None = None

    @property
    def failure_message(self) -> str | None:
        return "The bank account has been closed." if self.failure_code else None

    @property
    def about(self) -> "Payout":
        return self
