"""What the simulator remembers of payments: payment intents, charges, refunds, disputes, early fraud warnings."""

from dataclasses import dataclass, field
from enum import StrEnum

from malipo_simulators.stripe.objects.cards import RefundFate
from malipo_simulators.stripe.objects.customers import Action, Customer, Failure, PaymentMethod
from malipo_simulators.stripe.objects.declines import Decline
from malipo_simulators.stripe.objects.ledger import BalanceTransaction


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
    """The first three are an inquiry's, which has taken no money."""

    WARNING_NEEDS_RESPONSE = "warning_needs_response"
    WARNING_UNDER_REVIEW = "warning_under_review"
    WARNING_CLOSED = "warning_closed"
    NEEDS_RESPONSE = "needs_response"
    UNDER_REVIEW = "under_review"
    WON = "won"
    LOST = "lost"

    @property
    def is_inquiry(self) -> bool:
        return self.startswith("warning_")

    @property
    def is_open(self) -> bool:
        return self.endswith(("needs_response", "under_review"))


@dataclass(slots=True, eq=False)
class Charge:
    """One attempt at the card. A declined attempt is a charge too (status failed).

    `metadata`, `description` and `receipt_email` begin as the intent's and go their own way from then on.
    """

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
    authenticated: bool = False
    transaction: BalanceTransaction | None = None
    disputes: "list[Dispute]" = field(default_factory=list["Dispute"])
    warning: "EarlyFraudWarning | None" = None
    own_metadata: dict[str, str] | None = None
    own_description: str | None = None
    own_receipt_email: str | None = None
    user_report: str | None = None

    @property
    def about(self) -> "PaymentIntent":
        return self.intent

    @property
    def metadata(self) -> dict[str, str]:
        return self.intent.metadata if self.own_metadata is None else self.own_metadata

    @property
    def refundable(self) -> int:
        return self.amount_captured - self.amount_refunded

    @property
    def disputable(self) -> int:
        """What neither went back to the customer nor was taken by his bank."""
        return self.refundable - sum(dispute.amount for dispute in self.disputes if dispute.has_the_money)

    @property
    def is_with_the_bank(self) -> bool:
        """Whether a dispute has taken its money, and has not given it back."""
        return any(dispute.has_the_money for dispute in self.disputes)


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
    transaction: BalanceTransaction | None = None
    failure_reason: str | None = None
    failure_transaction: BalanceTransaction | None = None

    @property
    def about(self) -> "PaymentIntent":
        return self.charge.intent


@dataclass(slots=True, eq=False)
class Dispute:
    """The customer wants the money back, and the bank took it from the account at once; an inquiry only asks.

    `transactions` are what it took, and what it gave back.
    """

    id: str
    charge: Charge
    amount: int
    created: int
    reason: str
    due_by: int
    status: DisputeStatus = DisputeStatus.NEEDS_RESPONSE
    evidence: dict[str, str] = field(default_factory=dict[str, str])
    submissions: int = 0
    metadata: dict[str, str] = field(default_factory=dict[str, str])
    transactions: list[BalanceTransaction] = field(default_factory=list[BalanceTransaction])

    @property
    def about(self) -> "PaymentIntent":
        return self.charge.intent

    @property
    def has_the_money(self) -> bool:
        return not self.status.is_inquiry and self.status is not DisputeStatus.WON


@dataclass(slots=True, eq=False)
class EarlyFraudWarning:
    """The card's issuer believes that a payment was fraud; a dispute may follow."""

    id: str
    charge: Charge
    created: int
    fraud_type: str

    @property
    def about(self) -> "PaymentIntent":
        return self.charge.intent


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
    customer: Customer | None = None
    status: IntentStatus = IntentStatus.REQUIRES_PAYMENT_METHOD
    payment_method: PaymentMethod | None = None
    charge: Charge | None = None
    failure: Failure | None = None
    action: Action | None = None
    canceled_at: int | None = None
    cancellation_reason: str | None = None
    refunds: list[Refund] = field(default_factory=list[Refund])
    book_key: str | None = None

    @property
    def about(self) -> "PaymentIntent":
        return self

    @property
    def amount_received(self) -> int:
        return self.charge.amount_captured if self.charge else 0

    @property
    def amount_capturable(self) -> int:
        return self.amount if self.status is IntentStatus.REQUIRES_CAPTURE else 0

    @property
    def amount_refunded(self) -> int:
        return sum(refund.amount for refund in self.refunds if refund.status is not RefundStatus.FAILED)


@dataclass(slots=True)
class IntentOptions:
    """What was requested and is only shown back, or only matters at confirmation."""

    automatic_payment_methods: bool = True
    allow_redirects: bool = True
    description: str | None = None
    receipt_email: str | None = None
    statement_descriptor_suffix: str | None = None
    confirmation_method: str = "automatic"
    allowed_payment_method_types: list[str] | None = None
    excluded_payment_method_types: list[str] | None = None
    setup_future_usage: str | None = None
