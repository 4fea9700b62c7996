"""The shapes of Stripe's responses, objects and events, as far as we read them; the rest is ignored."""

import re
from dataclasses import dataclass
from typing import Annotated, Literal

import msgspec

from provider_kit.reading import Reader

_ID = r"\A[!-~]{1,255}\Z"
Id = Annotated[str, msgspec.Meta(pattern=_ID)]
"""An id of Stripe's: at most 255 characters (docs.stripe.com/upgrades), here of printable ASCII. So it fits a row, an
address and a line of a log.
"""

PAYMENT = "malipo_payment_id"
OPERATION = "malipo_operation_id"
FENCE = "malipo_fence"
"""Marks a PaymentIntent or SetupIntent that was never meant to do anything; its value is the operation whose key it made useless."""


@dataclass(frozen=True, slots=True)
class StripeResponse:
    """Stripe's response. `replayed`: it is the stored one of an earlier request with this key, which has ended."""

    status: int
    body: bytes
    replayed: bool = False
    retry_after_seconds: float | None = None


class Failure(msgspec.Struct):
    """Why a card was not charged, and what Stripe and the card's network say of the next try."""

    code: str | None = None
    decline_code: str | None = None
    message: str | None = None
    advice_code: str | None = None
    network_decline_code: str | None = None
    network_advice_code: str | None = None


class Page(msgspec.Struct):
    """Where the customer has to go."""

    url: str


class NextAction(msgspec.Struct):
    """What the customer has to do."""

    type: str
    redirect_to_url: Page | None = None


class Card(msgspec.Struct):
    """A card, as far as everybody may see it; `fingerprint` is the account's own name of it."""

    brand: str
    last4: str
    exp_month: int
    exp_year: int
    fingerprint: str | None = None


class Expanded(msgspec.Struct):
    """What is else called by its id alone, where all of it is shown."""

    id: Id


Named = Id | Expanded
"""What another object is: its id, or all of it. Which of them is up to whoever asked, and to Stripe in an event."""


def id_of(named: Named | None) -> str | None:
    """The id."""
    return named.id if isinstance(named, Expanded) else named


class StripeMethod(msgspec.Struct):
    """A PaymentMethod, as far as we read it; `customer` is whose it is."""

    id: Id
    customer: Named | None = None
    card: Card | None = None


class HeldMethod(msgspec.Struct):
    """A PaymentMethod, as far as it says whose it is: nobody's once it was detached, and then it stays nobody's."""

    object: Literal["payment_method"]
    id: Id
    customer: Named | None


class Customer(msgspec.Struct):
    """A Customer, as far as we read it."""

    id: Id
    deleted: bool = False
    metadata: dict[str, str] | None = None


class Intent(msgspec.Struct, tag_field="object", tag="payment_intent"):
    """A PaymentIntent, as far as we read it. Amounts in Stripe's minor units, currency in lower case. The PaymentMethod is its id
    alone unless it was asked for (`expand`), and never whole in an event.
    """

    id: Id
    status: str
    amount: int
    amount_capturable: int
    amount_received: int
    currency: str
    metadata: dict[str, str] | None = None
    next_action: NextAction | None = None
    last_payment_error: Failure | None = None
    payment_method: Id | StripeMethod | None = None
    setup_future_usage: str | None = None


class SetupIntent(msgspec.Struct, tag_field="object", tag="setup_intent"):
    """A SetupIntent, as far as we read it. Its PaymentMethod is as a PaymentIntent's."""

    id: Id
    status: str
    metadata: dict[str, str] | None = None
    next_action: NextAction | None = None
    last_setup_error: Failure | None = None
    payment_method: Id | StripeMethod | None = None


class StripeRefund(msgspec.Struct, tag_field="object", tag="refund"):
    """A Refund, as far as we read it. `created` is a Unix time. A `failure_balance_transaction` has put the money back."""

    id: Id
    status: str | None
    amount: int
    currency: str
    created: int | None = None
    reason: str | None = None
    metadata: dict[str, str] | None = None
    pending_reason: str | None = None
    failure_reason: str | None = None
    failure_balance_transaction: str | None = None


class DisputeTransaction(msgspec.Struct):
    """A balance transaction of a dispute: below zero what the bank has taken, above zero what it gave back."""

    amount: int


class EvidenceDetails(msgspec.Struct):
    """Until when a dispute can be answered, a Unix time."""

    due_by: int | None = None


class StripeDispute(msgspec.Struct, tag_field="object", tag="dispute"):
    """A Dispute, as far as we read it. `created` is a Unix time. Its amount and currency may be others than the charge's."""

    id: Id
    status: str
    amount: int
    currency: str
    created: int
    reason: str | None = None
    balance_transactions: list[DisputeTransaction] = []
    evidence_details: EvidenceDetails | None = None


class EarlyFraudWarning(msgspec.Struct):
    """The card's issuer suspects fraud. `created` is a Unix time, `fraud_type` why it does."""

    id: Id
    created: int
    fraud_type: str | None = None


class Problem(Failure):
    """An error; `payment_intent` is how the PaymentIntent stands after it, or `setup_intent` the SetupIntent."""

    type: str = ""
    payment_intent: Intent | None = None
    setup_intent: SetupIntent | None = None


class Problems(msgspec.Struct):
    """The body of every error."""

    error: Problem


class Tagged(msgspec.Struct):
    """Any object of a list, also of another system."""

    id: str
    metadata: dict[str, str] | None = None


class Listing(msgspec.Struct):
    """One page of a list, newest first."""

    data: list[msgspec.Raw]
    has_more: bool


class About(msgspec.Struct):
    """The object that an event is about, as far as a person needs it to find it at Stripe."""

    object: Id
    id: Id
    payment_intent: Named | None = None
    charge: Named | None = None
    amount: int | None = None
    currency: str | None = None
    metadata: dict[str, str] | None = None


class Data(msgspec.Struct):
    """The object that an event is about, as it was then."""

    object: msgspec.Raw


class Event(msgspec.Struct):
    """An event in a webhook. Thin events and pings (`v2.*`) have data of another shape, or none.

    The id is any text: one that no row can hold must not keep the event from being read. `account` is whose it is, where that is
    another one that the endpoint listens to.
    """

    id: str
    type: str
    data: msgspec.Raw = msgspec.Raw(b"null")
    account: object = None
    livemode: object = None


def is_id(text: str) -> bool:
    """Whether `text` could be an `Id`."""
    return re.match(_ID, text) is not None


Found = Intent | SetupIntent | StripeRefund | StripeDispute
"""What operations make at Stripe, and disputes."""

OBJECT = Reader[Found](Found)
WARNING = Reader[EarlyFraudWarning](EarlyFraudWarning)
PROBLEMS = Reader[Problems](Problems)
HELD = Reader[HeldMethod](HeldMethod)
LISTING = Reader[Listing](Listing)
CUSTOMER = Reader[Customer](Customer)
TAGGED = Reader[Tagged](Tagged)
EVENT = Reader[Event](Event)
DATA = Reader[Data](Data)
ABOUT = Reader[About](About)
