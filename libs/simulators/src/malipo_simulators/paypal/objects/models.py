"""What the simulator remembers: orders with their purchase units, authorizations, captures, refunds, and who pays."""

from dataclasses import dataclass, field
from enum import StrEnum

from malipo_simulators.kit.shapes import Json
from malipo_simulators.paypal.objects.money import Money, total
from malipo_simulators.paypal.objects.plans import Funding, Plan


class Intent(StrEnum):
    CAPTURE = "CAPTURE"
    AUTHORIZE = "AUTHORIZE"


class OrderStatus(StrEnum):
    """COMPLETED says that payments were made of the order, not that they succeeded; VOIDED that they were voided."""

    CREATED = "CREATED"
    PAYER_ACTION_REQUIRED = "PAYER_ACTION_REQUIRED"
    APPROVED = "APPROVED"
    COMPLETED = "COMPLETED"
    VOIDED = "VOIDED"


class AuthorizationStatus(StrEnum):
    CREATED = "CREATED"
    PENDING = "PENDING"
    PARTIALLY_CAPTURED = "PARTIALLY_CAPTURED"
    CAPTURED = "CAPTURED"
    DENIED = "DENIED"
    VOIDED = "VOIDED"


class CaptureStatus(StrEnum):
    PENDING = "PENDING"
    COMPLETED = "COMPLETED"
    DECLINED = "DECLINED"
    PARTIALLY_REFUNDED = "PARTIALLY_REFUNDED"
    REFUNDED = "REFUNDED"
    FAILED = "FAILED"


class RefundStatus(StrEnum):
    PENDING = "PENDING"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"


@dataclass(frozen=True, slots=True)
class Payer:
    """`id` is what PayPal calls PayerID."""

    id: str
    email: str
    given_name: str
    surname: str
    country: str


@dataclass(slots=True, eq=False)
class Unit:
    """A purchase unit: `given` is what the client sent, and is shown back."""

    given: Json
    reference_id: str
    amount: Money
    authorizations: list["Authorization"] = field(default_factory=list["Authorization"])
    captures: list["Capture"] = field(default_factory=list["Capture"])
    refunds: list["Refund"] = field(default_factory=list["Refund"])

    @property
    def custom_id(self) -> str | None:
        return self._text("custom_id")

    @property
    def invoice_id(self) -> str | None:
        return self._text("invoice_id")

    @property
    def descriptor(self) -> str | None:
        return self._text("soft_descriptor")

    def _text(self, name: str) -> str | None:
        value = self.given.get(name)
        return value if isinstance(value, str) else None


@dataclass(frozen=True, slots=True)
class Context:
    """How the payer is to be led: where back, and what the page may offer."""

    return_url: str | None = None
    cancel_url: str | None = None
    immediate: bool = False
    ships: bool = True


@dataclass(slots=True, eq=False)
class Order:
    """`api_base` and `page_base` are what its links begin with. `metadata` is what the book finds it by.

    `has_source`: it was made or confirmed with a `payment_source`, so that its link is `payer-action` and not `approve`.
    `open_until` is how long the payer may take, and after that the merchant. `declined`: the payer has to choose another
    instrument. `completing`: PayPal itself is about to capture it. `plan` is what the payer does by itself.
    """

    id: str
    intent: Intent
    units: list[Unit]
    created: int
    context: Context
    has_source: bool
    api_base: str
    page_base: str
    metadata: dict[str, str]
    updated: int
    open_until: int
    email: str | None = None
    status: OrderStatus = OrderStatus.CREATED
    payer: Payer | None = None
    funding: Funding | None = None
    plan: Plan | None = None
    plan_seconds: float = 0
    visited: bool = False
    completes_itself: bool = False
    completing: bool = False
    declined: bool = False
    announced_twice: bool = False
    attempts: int = 0

    @property
    def waits_for_payer(self) -> bool:
        return self.status in (OrderStatus.CREATED, OrderStatus.PAYER_ACTION_REQUIRED)

    def is_gone(self, now: int) -> bool:
        """Whether it has run out of time unpaid."""
        return self.status not in (OrderStatus.COMPLETED, OrderStatus.VOIDED) and now >= self.open_until

    @property
    def page_url(self) -> str:
        """Where the payer is sent."""
        return f"{self.page_base}/checkoutnow?token={self.id}"

    @property
    def amount(self) -> Money:
        return total([unit.amount for unit in self.units], self.units[0].amount.currency)


@dataclass(slots=True, eq=False)
class Authorization:
    """`root` is the authorization that this one, a reauthorization, stands for: what was captured is counted there."""

    id: str
    order: Order
    unit: Unit
    amount: Money
    created: int
    updated: int
    expires: int
    status: AuthorizationStatus
    funding: Funding
    root: "Authorization | None" = None
    invoice_id: str | None = None
    custom_id: str | None = None
    reason: str | None = None
    denied_later: bool = False
    due: int | None = None
    captures: list["Capture"] = field(default_factory=list["Capture"])

    @property
    def family(self) -> "Authorization":
        return self.root or self

    @property
    def captured(self) -> Money:
        """What was taken, or is about to be, of this one and of those that stand for it."""
        taken = [one.amount for one in self.family.captures if one.status in TAKEN]
        return total(taken, self.amount.currency)


@dataclass(slots=True, eq=False)
class Capture:
    """`due` is when one that is pending ends; `denied_later` how."""

    id: str
    order: Order
    unit: Unit
    amount: Money
    fee: Money
    created: int
    updated: int
    status: CaptureStatus
    final: bool
    authorization: Authorization | None = None
    invoice_id: str | None = None
    custom_id: str | None = None
    note: str | None = None
    descriptor: str | None = None
    reason: str | None = None
    denied_later: bool = False
    reversed: bool = False
    due: int | None = None
    idempotency_key: str | None = None
    refunds: list["Refund"] = field(default_factory=list["Refund"])

    @property
    def refunded(self) -> Money:
        """What has gone back, or is about to."""
        back = [one.amount for one in self.refunds if one.status in (RefundStatus.PENDING, RefundStatus.COMPLETED)]
        return total(back, self.amount.currency)

    @property
    def refundable(self) -> Money:
        return self.amount - self.refunded


@dataclass(slots=True, eq=False)
class Refund:
    """Money back; one that `is_reversal` was PayPal's own doing."""

    id: str
    capture: Capture
    amount: Money
    created: int
    updated: int
    status: RefundStatus
    total_refunded: Money
    invoice_id: str | None = None
    custom_id: str | None = None
    note: str | None = None
    reason: str | None = None
    fails_later: bool = False
    is_reversal: bool = False
    due: int | None = None
    idempotency_key: str | None = None


class DisputeStatus(StrEnum):
    OPEN = "OPEN"
    UNDER_REVIEW = "UNDER_REVIEW"
    RESOLVED = "RESOLVED"


class DisputeOutcome(StrEnum):
    BUYER = "RESOLVED_BUYER_FAVOUR"
    SELLER = "RESOLVED_SELLER_FAVOUR"


@dataclass(slots=True, eq=False)
class Dispute:
    """A payer's complaint of a capture. What is disputed is held until it ends."""

    id: str
    capture: Capture
    amount: Money
    reason: str
    created: int
    updated: int
    status: DisputeStatus = DisputeStatus.OPEN
    outcome: DisputeOutcome | None = None


TAKEN = frozenset({
    CaptureStatus.PENDING, CaptureStatus.COMPLETED, CaptureStatus.PARTIALLY_REFUNDED, CaptureStatus.REFUNDED,
})  # fmt: skip
"""Of captures that count against their authorization."""
