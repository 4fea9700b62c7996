"""What merchants see of a capture, cancel or refund, and at first, before the orchestrator has answered."""

import msgspec

from malipo import ids
from malipo.contracts.events import NO_CURRENCY, OperationKind, OperationView, PaymentView


class Refusal(msgspec.Struct, frozen=True):
    """Why the orchestrator did not carry a command out."""

    code: str
    detail: str


class Operation(msgspec.Struct, frozen=True):
    """A refund, capture or cancel, and why it was refused if it was."""

    view: OperationView
    refusal: Refusal | None = None

    @property
    def ended(self) -> bool:
        """Whether it has ended."""
        return self.view.status != "processing"


def first_operation(
    operation_id: str, kind: OperationKind, payment: PaymentView, amount: int | None, reason: str | None
) -> OperationView:
    """An operation as it is when it has just been accepted. Without an amount: what the payment has left, as known here."""
    now = ids.made_at(operation_id)
    left = payment.amount
    if kind == "capture" and payment.amount_captured < payment.amount:
        left -= payment.amount_captured
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


def first_detach(detach_id: str, payment_id: str) -> OperationView:
    """What detaches a method, as it is when it has just been accepted: it is of no money."""
    now = ids.made_at(detach_id)
    return OperationView(
        id=detach_id,
        payment_id=payment_id,
        kind="detach",
        status="processing",
        amount=0,
        currency=NO_CURRENCY,
        created_at=now,
        updated_at=now,
    )
