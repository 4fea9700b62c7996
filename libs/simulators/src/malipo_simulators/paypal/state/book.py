"""PayPal's lines in the book: which effects there are, and what each shows."""

from dataclasses import dataclass
from enum import StrEnum

from malipo_simulators.kit.book import Book
from malipo_simulators.kit.shapes import Json
from malipo_simulators.paypal.objects.models import Order, RefundStatus
from malipo_simulators.paypal.objects.money import Money


class EffectKind(StrEnum):
    """`capture` is booked when the money has come, so not while it is pending; `refund` when it is made, even pending.

    `refund_failed` brings a refund back, `reversal` is what PayPal took from the merchant. `authorize` holds a payer's
    money and `release` lets it go, by void, expiry or a final capture: neither moves any. `hold` takes what is disputed out
    of the merchant's balance until `hold_ended` puts it back.
    """

    AUTHORIZE = "authorize"
    REAUTHORIZE = "reauthorize"
    RELEASE = "release"
    CAPTURE = "capture"
    REFUND = "refund"
    REFUND_FAILED = "refund_failed"
    REVERSAL = "reversal"
    HOLD = "hold"
    HOLD_ENDED = "hold_ended"


SIGN = {
    EffectKind.CAPTURE: 1,
    EffectKind.REFUND_FAILED: 1,
    EffectKind.REFUND: -1,
    EffectKind.REVERSAL: -1,
    EffectKind.HOLD: -1,
    EffectKind.HOLD_ENDED: 1,
}


@dataclass(frozen=True, slots=True)
class Effect:
    """One line: `id` is the transaction's (of the authorization, capture or refund), `parent` that of what it is made of.

    `amount` is never negative; `descriptor` is what a capture's payer may read of it on a statement; `idempotency_key` is the PayPal-Request-Id of the call that caused it.
    """

    seq: int
    account: str
    kind: EffectKind
    id: str
    parent: str | None
    order: Order
    amount: Money
    fee: Money
    custom_id: str | None
    invoice_id: str | None
    idempotency_key: str | None
    at: int
    descriptor: str | None = None

    @property
    def payment_id(self) -> str:
        return self.order.id

    @property
    def net(self) -> int:
        """What it adds to the merchant's balance, in minor units."""
        return SIGN.get(self.kind, 0) * self.amount.minor - self.fee.minor

    def as_json(self) -> Json:
        return {
            "seq": self.seq,
            "account": self.account,
            "kind": self.kind,
            "order": self.order.id,
            "transaction": self.id,
            "parent": self.parent,
            "amount": self.amount.minor,
            "currency": self.amount.currency,
            "fee": self.fee.minor,
            "custom_id": self.custom_id,
            "invoice_id": self.invoice_id,
            "soft_descriptor": self.descriptor,
            "idempotency_key": self.idempotency_key,
            "at": self.at,
        }


type PaypalBook = Book[Order, Effect]


def total_of(account: str, order: Order) -> Json:
    """`captured` leaves out what is pending; `refunded` what has failed, and what PayPal took back by itself."""
    captures = [one for unit in order.units for one in unit.captures]
    captured = [one.amount.minor for one in captures if one.status not in ("PENDING", "DECLINED", "FAILED")]
    refunds = [one for capture in captures for one in capture.refunds if not one.is_reversal]
    refunded = [one.amount.minor for one in refunds if one.status in (RefundStatus.PENDING, RefundStatus.COMPLETED)]
    return {
        "order": order.id,
        "account": account,
        "status": order.status,
        "intent": order.intent,
        "amount": order.amount.minor,
        "captured": sum(captured),
        "refunded": sum(refunded),
        "currency": order.amount.currency,
        "created": order.created,
        **order.metadata,
    }
