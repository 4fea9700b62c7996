"""Stripe's lines in the book: which effects there are, and what each shows."""

from dataclasses import dataclass
from enum import StrEnum

from malipo_simulators.kit.book import Book
from malipo_simulators.kit.shapes import Json
from malipo_simulators.stripe.objects.models import Charge, PaymentIntent


class EffectKind(StrEnum):
    """`charge` is authorization and capture at once. `refund` is booked when it is made, `refund_failed` undoes it.

    `dispute` is what a customer's bank has taken back, `dispute_won` what it returned in the end. An inquiry moves nothing.
    """

    CHARGE = "charge"
    AUTHORIZE = "authorize"
    CAPTURE = "capture"
    REFUND = "refund"
    RELEASE = "release"
    REFUND_FAILED = "refund_failed"
    DISPUTE = "dispute"
    DISPUTE_WON = "dispute_won"


@dataclass(frozen=True, slots=True)
class Effect:
    """`fee` is what Stripe keeps of the merchant's money for it, beside `amount`."""

    seq: int
    account: str
    kind: EffectKind
    charge: Charge
    refund: str | None
    amount: int
    fee: int
    idempotency_key: str | None
    at: int

    @property
    def payment_id(self) -> str:
        return self.charge.intent.id

    def as_json(self) -> Json:
        intent = self.charge.intent
        return {
            "seq": self.seq,
            "account": self.account,
            "kind": self.kind,
            "payment_intent": intent.id,
            "charge": self.charge.id,
            "refund": self.refund,
            "amount": self.amount,
            "fee": self.fee,
            "currency": intent.currency,
            "metadata": intent.metadata,
            "idempotency_key": self.idempotency_key,
            "at": self.at,
        }


type StripeBook = Book[PaymentIntent, Effect]


def total_of(account: str, intent: PaymentIntent) -> Json:
    return {
        "payment_intent": intent.id,
        "account": account,
        "status": intent.status,
        "amount": intent.amount,
        "captured": intent.amount_received,
        "refunded": intent.amount_refunded,
        "currency": intent.currency,
        "metadata": intent.metadata,
        "created": intent.created,
    }
