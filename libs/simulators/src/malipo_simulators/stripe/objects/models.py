"""What the simulator remembers: payment intents, charges, refunds, disputes, payment methods."""

from dataclasses import dataclass, field
from enum import StrEnum

from malipo_simulators.stripe.objects.cards import Card, Decline, RefundFate


class IntentStatus(StrEnum):
    REQUIRES_PAYMENT_METHOD = "requires_payment_method"
    REQUIRES_CONFIRMATION = "requires_confirmation"
    REQUIRES_ACTION = "requires_action"
    REQUIRES_CAPTURE = "requires_capture"
    SUCCEEDED = "succeeded"
    CANCELED = "canceled"


class CaptureMethod(StrEnum):
    AUTOMATIC = "automatic"
    AUTOMATIC_ASYNC = "automatic_async"
    MANUAL = "manual"


class RefundStatus(StrEnum):
    PENDING = "pending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


class DisputeStatus(StrEnum):
    NEEDS_RESPONSE = "needs_response"
    WON = "won"
    LOST = "lost"


@dataclass(slots=True)
class PaymentMethod:
    """A card as attached to payments; using a shared test id makes a new one, as on the real service."""

    id: str
    card: Card
    created: int


@dataclass(slots=True)
class Failure:
    """Why the last attempt failed, with what was tried."""

    decline: Decline
    payment_method: PaymentMethod
    charge: str | None


@dataclass(slots=True, eq=False)
class Charge:
    """One attempt at the card. A declined attempt is a charge too (status failed)."""

    id: str
    intent: "PaymentIntent"
    payment_method: PaymentMethod
    amount: int
    created: int
    decline: Decline | None = None
    captured: bool = False
    amount_captured: int = 0
    amount_refunded: int = 0
    released: int = 0
    balance_transaction: str | None = None
    dispute: "Dispute | None" = None

    @property
    def refundable(self) -> int:
        return self.amount_captured - self.amount_refunded


@dataclass(slots=True, eq=False)
class Refund:
    id: str
    charge: Charge
    amount: int
    created: int
    reason: str | None
    metadata: dict[str, str]
    idempotency_key: str | None
    status: RefundStatus
    fate: RefundFate
    balance_transaction: str
    failure_reason: str | None = None
    failure_balance_transaction: str | None = None


@dataclass(slots=True, eq=False)
class Dispute:
    """The customer wants the money back, and the bank took it from the account at once."""

    id: str
    charge: Charge
    amount: int
    created: int
    reason: str
    status: DisputeStatus = DisputeStatus.NEEDS_RESPONSE


@dataclass(slots=True, eq=False)
class PaymentIntent:
    """`book_key` is the idempotency key of the request that last tried to move money: the book shows it."""

    id: str
    client_secret: str
    amount: int
    currency: str
    created: int
    capture_method: CaptureMethod
    metadata: dict[str, str]
    options: "IntentOptions"
    status: IntentStatus = IntentStatus.REQUIRES_PAYMENT_METHOD
    payment_method: PaymentMethod | None = None
    charge: Charge | None = None
    failure: Failure | None = None
    action: "Action | None" = None
    canceled_at: int | None = None
    cancellation_reason: str | None = None
    refunds: list[Refund] = field(default_factory=list["Refund"])
    book_key: str | None = None

    @property
    def amount_received(self) -> int:
        return self.charge.amount_captured if self.charge else 0

    @property
    def amount_capturable(self) -> int:
        return self.amount if self.status is IntentStatus.REQUIRES_CAPTURE else 0

    @property
    def amount_refunded(self) -> int:
        return sum(refund.amount for refund in self.refunds if refund.status is not RefundStatus.FAILED)


@dataclass(frozen=True, slots=True)
class Action:
    """A 3DS challenge waiting for the customer: a page to visit, or data for Stripe's own browser code."""

    url: str
    return_url: str | None
    for_stripe_sdk: bool


@dataclass(slots=True)
class IntentOptions:
    """What was requested and is only shown back, or only matters at confirmation."""

    automatic_payment_methods: bool = True
    allow_redirects: bool = True
    description: str | None = None
    receipt_email: str | None = None
    statement_descriptor: str | None = None
    statement_descriptor_suffix: str | None = None
    confirmation_method: str = "automatic"
    allowed_payment_method_types: list[str] | None = None
