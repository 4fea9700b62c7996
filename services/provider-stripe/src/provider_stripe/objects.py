"""The shapes of Stripe's answers, objects and events, as far as we read them; the rest is ignored."""

from dataclasses import dataclass

import msgspec


@dataclass(frozen=True, slots=True)
class Answer:
    """What Stripe answered. `replayed`: the stored answer of an earlier request with this key, which has ended."""

    status: int
    body: bytes
    replayed: bool = False
    retry_after_seconds: float | None = None


class Failure(msgspec.Struct):
    """Why a card was not charged."""

    code: str | None = None
    decline_code: str | None = None
    message: str | None = None


class Page(msgspec.Struct):
    """Where the customer has to go."""

    url: str


class NextAction(msgspec.Struct):
    """What the customer has to do."""

    type: str
    redirect_to_url: Page | None = None


class Intent(msgspec.Struct, tag_field="object", tag="payment_intent"):
    """A PaymentIntent, as far as we read it. Amounts in Stripe's minor units, currency in lower case."""

    id: str
    status: str
    amount: int
    amount_capturable: int
    amount_received: int
    currency: str
    metadata: dict[str, str] | None = None
    next_action: NextAction | None = None
    last_payment_error: Failure | None = None


class StripeRefund(msgspec.Struct, tag_field="object", tag="refund"):
    """A Refund, as far as we read it."""

    id: str
    status: str | None
    amount: int
    currency: str
    metadata: dict[str, str] | None = None
    failure_reason: str | None = None


class Problem(Failure):
    """An error; `payment_intent` is how the PaymentIntent stands after it."""

    type: str = ""
    payment_intent: Intent | None = None


class Problems(msgspec.Struct):
    """The body of every error."""

    error: Problem


class Tagged(msgspec.Struct):
    """Any object of a list, whoever made it."""

    id: str
    metadata: dict[str, str] | None = None


class Listing(msgspec.Struct):
    """One page of a list, newest first."""

    data: list[msgspec.Raw]
    has_more: bool


class Kind(msgspec.Struct):
    """What sort of object it is."""

    object: str


class Data(msgspec.Struct):
    """The object that an event is about, as it was then."""

    object: msgspec.Raw


class Event(msgspec.Struct):
    """What a webhook brings."""

    id: str
    type: str
    data: Data


OBJECT = msgspec.json.Decoder(Intent | StripeRefund)
PROBLEMS = msgspec.json.Decoder(Problems)
LISTING = msgspec.json.Decoder(Listing)
TAGGED = msgspec.json.Decoder(Tagged)
EVENT = msgspec.json.Decoder(Event)
KIND = msgspec.json.Decoder(Kind)
