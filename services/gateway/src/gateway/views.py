"""What merchants see: the first views, before the payment's owner has said anything, and entries of the timeline."""

from typing import Any, Literal

import msgspec

from gateway.schemas import NewPayment
from malipo import ids
from malipo.contracts.commands import Card, CreatePayment, Mode
from malipo.contracts.deliveries import DeliveryReported
from malipo.contracts.events import OperationView, PaymentStepped, PaymentView
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


def first_payment(payment_id: str, body: NewPayment) -> PaymentView:
    """A payment as it is when it has just been accepted."""
    now = ids.made_at(payment_id)
    return PaymentView(
        id=payment_id,
        status="processing",
        amount=body.amount,
        currency=body.currency,
        amount_captured=0,
        amount_refunded=0,
        capture=body.capture,
        method=body.method.type,
        created_at=now,
        updated_at=now,
        provider=body.provider,
        client_ref=body.client_ref,
        description=body.description,
        metadata=body.metadata,
        return_url=body.return_url,
    )


def create_command(
    payment_id: str, body: NewPayment, merchant_id: str, mode: Mode, config_version: int
) -> CreatePayment:
    """The command that starts the payment."""
    return CreatePayment(
        payment_id=payment_id,
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


def timeline_entry(step: PaymentStepped) -> dict[str, Any]:
    """One step as the timeline shows it, without the webhook attempts that it led to."""
    return {
        "step": step.step,
        "at": step.occurred_at,
        "from_state": step.from_state,
        "to_state": step.to_state,
        "status": step.payment.status,
        "cause": {"trigger": step.cause.trigger, "source": step.cause.source, "detail": step.cause.detail},
        "operation": step.operation,
        "event": step.announcement,
    }


def delivery_entry(attempt: DeliveryReported) -> dict[str, Any]:
    """One webhook attempt as the timeline shows it."""
    return {
        "delivery_id": attempt.delivery_id,
        "endpoint_id": attempt.endpoint_id,
        "attempt": attempt.attempt,
        "at": attempt.attempted_at,
        "result": attempt.result,
        "http_status": attempt.http_status,
        "error": attempt.error,
        "duration_ms": attempt.duration_ms,
        "next_attempt_at": attempt.next_attempt_at,
    }
