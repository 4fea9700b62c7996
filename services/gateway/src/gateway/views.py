"""What merchants see first, before the payment's owner has said anything."""

from datetime import datetime
from typing import Literal

import msgspec

from gateway.schemas import NewPayment
from malipo import ids
from malipo.contracts.commands import LIFE, Card, CreatePayment, Mode
from malipo.contracts.events import OperationView, PaymentView
from malipo.money import Money

OperationKind = Literal["capture", "cancel", "refund"]


class Refusal(msgspec.Struct, frozen=True):
    """Why the payment's owner did not carry a command out."""

    code: str
    detail: str


class Operation(msgspec.Struct, frozen=True):
    """A refund, capture or cancel, and why it was refused if it was."""

    view: OperationView
    refusal: Refusal | None = None

    @property
    def answered(self) -> bool:
        """Whether it has ended."""
        return self.view.status != "processing"


def answered(payment: PaymentView) -> bool:
    """Whether the payment has a first meaningful state: anything but plain processing."""
    return payment.status != "processing" or payment.status_reason is not None


def first_payment(body: NewPayment, now: datetime) -> PaymentView:
    """A payment as it is when it is accepted, at the database's `now`. Its id tells that moment to the millisecond."""
    payment_id = ids.new("pay", now)
    made_at = ids.made_at(payment_id)
    return PaymentView(
        id=payment_id,
        status="processing",
        amount=body.amount,
        currency=body.currency,
        amount_captured=0,
        amount_refunded=0,
        capture=body.capture,
        method=body.method.type,
        created_at=made_at,
        updated_at=made_at,
        provider=body.provider,
        client_ref=body.client_ref,
        description=body.description,
        metadata=body.metadata,
        return_url=body.return_url,
        expires_at=body.expires_at or now + LIFE[body.method.type],
    )


def create_command(
    payment: PaymentView, body: NewPayment, merchant_id: str, mode: Mode, config_version: int
) -> CreatePayment:
    """The command that starts the payment."""
    return CreatePayment(
        payment_id=payment.id,
        merchant_id=merchant_id,
        mode=mode,
        amount=Money(body.amount, body.currency),
        method=Card(body.method.token),
        capture=body.capture,
        config_version=config_version,
        provider=body.provider,
        client_ref=body.client_ref,
        description=body.description,
        metadata=body.metadata,
        return_url=body.return_url,
        expires_at=payment.expires_at,
    )


def first_operation(
    operation_id: str, kind: OperationKind, payment: PaymentView, amount: int | None, reason: str | None
) -> OperationView:
    """An operation as it is when it has just been accepted. Without an amount: what the payment has left, as known here."""
    now = ids.made_at(operation_id)
    left = payment.amount
    if kind == "refund" and payment.amount_captured > 0:  # else its capture may be under way, unknown here
        left = payment.amount_captured - payment.amount_refunded
    return OperationView(
        id=operation_id,
        payment_id=payment.id,
        kind=kind,
        status="processing",
        amount=max(left, 0) if amount is None else amount,
        currency=payment.currency,
        created_at=now,
        updated_at=now,
        reason=reason,
    )
