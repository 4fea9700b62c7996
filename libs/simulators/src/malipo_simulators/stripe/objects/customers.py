"""What the simulator remembers of customers: themselves, their cards, and how these were saved."""

from dataclasses import dataclass, field
from enum import StrEnum

from malipo_simulators.kit.shapes import Json
from malipo_simulators.stripe.objects.cards import Card
from malipo_simulators.stripe.objects.declines import Decline

type Address = dict[str, str | None]
"""By Stripe's names of its lines; empty for none."""


@dataclass(slots=True, eq=False)
class Customer:
    """A merchant's customer. A deleted one is remembered by its id alone.

    `details` are the properties that are only shown back (`name`, `email`, `address` ...).
    """

    id: str
    created: int
    details: Json
    metadata: dict[str, str]
    invoice_prefix: str
    default_method: str | None = None
    methods: "list[PaymentMethod]" = field(default_factory=list["PaymentMethod"])
    deleted: bool = False

    @property
    def about(self) -> "Customer":
        return self


@dataclass(slots=True, eq=False)
class PaymentMethod:
    """A card as attached to payments; using a shared test id makes a new one, as on the real service.

    It is `spent` once it has paid without a customer, or was detached from one, and may then still be `attachable`. `set_up`: for payments without the customer.

    `contact` has an email, a name and a phone number, if they are known.
    """

    id: str
    card: Card
    created: int
    metadata: dict[str, str] = field(default_factory=dict[str, str])
    customer: Customer | None = None
    spent: bool = False
    attachable: bool = True
    set_up: bool = False
    contact: dict[str, str | None] = field(default_factory=dict[str, str | None])
    address: Address = field(default_factory=dict[str, str | None])
    allow_redisplay: str = "unspecified"
    exp_month: int = 12
    exp_year: int = 2034

    @property
    def about(self) -> "PaymentMethod":
        return self


@dataclass(slots=True)
class Failure:
    """Why the last attempt failed, with what was tried."""

    decline: Decline
    payment_method: PaymentMethod
    charge: str | None = None


@dataclass(frozen=True, slots=True)
class Action:
    """A 3DS challenge waiting for the customer: a page to visit, or data for Stripe's own browser code."""

    url: str
    return_url: str | None
    for_stripe_sdk: bool


class SetupStatus(StrEnum):
    REQUIRES_PAYMENT_METHOD = "requires_payment_method"
    REQUIRES_CONFIRMATION = "requires_confirmation"
    REQUIRES_ACTION = "requires_action"
    SUCCEEDED = "succeeded"
    CANCELED = "canceled"


@dataclass(slots=True, eq=False)
class SetupAttempt:
    """One try to save a card."""

    id: str
    setup: "SetupIntent"
    payment_method: PaymentMethod
    created: int
    status: str = "processing"
    authenticated: bool = False
    failure: Failure | None = None

    @property
    def about(self) -> "SetupIntent":
        return self.setup


@dataclass(slots=True)
class SetupOptions:
    """What was requested and is only shown back, or only matters at confirmation."""

    usage: str = "off_session"
    automatic_payment_methods: bool = True
    allow_redirects: bool = True
    description: str | None = None
    allowed_payment_method_types: list[str] | None = None
    excluded_payment_method_types: list[str] | None = None


@dataclass(slots=True, eq=False)
class SetupIntent:
    """A card that is to be saved without a payment."""

    id: str
    client_secret: str
    created: int
    metadata: dict[str, str]
    options: SetupOptions
    customer: Customer | None = None
    status: SetupStatus = SetupStatus.REQUIRES_PAYMENT_METHOD
    payment_method: PaymentMethod | None = None
    attempt: SetupAttempt | None = None
    failure: Failure | None = None
    action: Action | None = None
    cancellation_reason: str | None = None

    @property
    def about(self) -> "SetupIntent":
        return self
