"""The commands sent to a provider for a payment and its operations. Pure."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal, TypedDict

from malipo import ids
from malipo.contracts.commands import Mode
from malipo.contracts.events import OpenedBy, Source
from malipo.contracts.identity import PREFIXES, opened_id
from malipo.contracts.outcomes import Disputed, OperationOpened
from malipo.contracts.provider_commands import (
    Cancel,
    Capture,
    Charge,
    Confirm,
    Detach,
    OpenedOperation,
    ProviderCommand,
    ProviderMessage,
    ProviderOperationKind,
    Query,
    Refund,
    ReturnRequest,
    Setup,
    Withdraw,
)
from malipo.contracts.providers import PROVIDERS
from malipo.money import Money
from orchestrator.machine import DECIDED
from orchestrator.payment import KINDS, Operation, Payment
from orchestrator.states import State, Subject

EXPIRED = "expired"
LATE_HOLD = "late_authorization"
"""Why Malipo cancels a charge of its own accord."""


def new_operation(
    payment: Payment,
    subject: Subject,
    operation_id: str,
    now: datetime,
    *,
    amount_minor: int | None = None,
    reason: str | None = None,
    opened_by: OpenedBy = "merchant",
) -> Operation:
    """A capture, cancel or refund of the payment; without an amount, of all of it."""
    return Operation(
        id=operation_id,
        payment_id=payment.id,
        subject=subject,
        amount_minor=payment.amount.amount_minor if amount_minor is None else amount_minor,
        reason=reason,
        opened_by=opened_by,
        created_at=now if opened_by == "malipo" else ids.made_at(operation_id),
        updated_at=now,
    )


def own_cancel(payment: Payment, now: datetime) -> Operation:
    """The cancel by which Malipo ends a payment whose customer has not agreed in time, or releases what is held after its end."""
    reason = LATE_HOLD if payment.state in DECIDED else EXPIRED
    cancel_id = payment.own_id(Subject.CANCEL)
    return new_operation(payment, Subject.CANCEL, cancel_id, now, reason=reason, opened_by="malipo")


def can_cancel(payment: Payment) -> bool:
    """Whether the payment's provider can cancel a charge at all."""
    return _knows(payment, "cancel")


def cannot_cancel_now(payment: Payment, source: Source) -> bool:
    """Whether to ask how the charge stands instead: a cancel needs its reference, and a provider that has cancels. When a
    cancel has just failed, perhaps as the charge has ended, that is asked before the next one.

    Only a deadline asks: the answer to a query would cause the next one at once.
    """
    if payment.reference is None:
        return True
    of_no_use = not can_cancel(payment) or payment.cancel_failed_last
    return source == "deadline" and of_no_use


def can_refund(payment: Payment) -> bool:
    """Whether the payment's provider can give money back at all: what has gone to a recipient, it cannot."""
    return _knows(payment, "refund")


def _knows(payment: Payment, kind: ProviderOperationKind) -> bool:
    described = PROVIDERS.get(payment.provider or "")
    return described is None or kind in described.operations


def own_refund(payment: Payment, now: datetime) -> Operation:
    """The refund by which Malipo gives back all that came after the payment's end."""
    left_minor, refund_id = payment.refundable_minor, payment.own_id(Subject.REFUND)
    return new_operation(
        payment, Subject.REFUND, refund_id, now, amount_minor=left_minor, reason="late_payment", opened_by="malipo"
    )


def opened_operation(payment: Payment, report: OperationOpened, now: datetime) -> Operation:
    """What somebody began at the provider. Raises `ValueError` for a refund in another currency than the payment's."""
    subject = Subject(report.kind)
    if subject is Subject.REFUND and report.amount and report.amount.currency != payment.amount.currency:
        msg = f"a refund in {report.amount.currency} of a payment in {payment.amount.currency}"
        raise ValueError(msg)
    operation = new_operation(
        payment,
        subject,
        opened_id(PREFIXES[report.kind], report.opened_at, payment.id, report.provider, report.reference),
        now,
        amount_minor=report.amount.amount_minor if report.amount else None,
        reason=report.reason,
        opened_by="provider",
    )
    operation.reference = report.reference
    operation.dispute = report.outcome if isinstance(report.outcome, Disputed) else None
    return operation


def _charge(payment: Payment) -> Charge:
    """The one charge of a payment, in the attempt that it is at."""
    return Charge(
        **_common(payment, payment.charge_id),
        amount=payment.amount,
        method=payment.method,
        capture=payment.capture,
        description=payment.description,
        return_url=payment.return_url,
        cancel_url=payment.cancel_url,
        remittance=payment.remittance,
        statement_descriptor=payment.statement_descriptor,
        save_method=payment.save_method,
        customer_ref=payment.customer_ref if payment.save_method else None,
        expires_at=payment.expires_at,
    )


def _setup(payment: Payment) -> Setup:
    """What has the provider keep the method of a customer without a payment."""
    assert payment.customer_ref is not None, "a method is kept for somebody"
    return Setup(
        **_common(payment, payment.charge_id),
        method=payment.method,
        customer_ref=payment.customer_ref,
        return_url=payment.return_url,
        expires_at=payment.expires_at,
    )


def _confirm(payment: Payment) -> Confirm:
    """The confirm that is under way of the charge to which the customer has agreed."""
    assert payment.reference is not None, "only a charge that the provider knows can be confirmed"
    return Confirm(
        **_common(payment, payment.awaited_id),
        reference=payment.reference,
        amount=payment.amount,
        capture=payment.capture,
        expires_at=payment.expires_at,
    )


def repeated(payment: Payment, operation: Operation | None, now: datetime) -> Sequence[ProviderMessage]:
    """What was sent last about it, and was perhaps lost: what withdraws a refund of money that went back, or the command."""
    refund = operation if operation is not None and operation.subject is Subject.REFUND else None
    if refund is not None and refund.opened_by != "provider" and payment.state is State.RETURNED:
        return [withdraw(payment, refund)]
    return [operation_command(payment, operation)] if _fresh(payment, operation, now) else []


def _fresh(payment: Payment, operation: Operation | None, now: datetime) -> bool:
    """Whether a command that was perhaps lost may still be carried out for the first time.

    A charge or its confirm until the intent expires, unless a cancel was requested meanwhile; anything else within an hour,
    after which nobody expects it any more, and a refund only while the payment has its money. What was begun at the provider
    was never sent.
    """
    if operation is None:
        return now < payment.expires_at and not payment.live(Subject.CANCEL)
    if operation.subject is Subject.REFUND and payment.state is not State.COMPLETED:
        return False
    return operation.dispatched_at is not None and now - operation.dispatched_at < _REPEATED_WITHIN


def _of_itself(payment: Payment) -> ProviderCommand:
    if payment.subject is Subject.SETUP:
        return _setup(payment)
    return _confirm(payment) if payment.confirming else _charge(payment)


def operation_command(payment: Payment, operation: Operation | None) -> ProviderCommand:
    """The command that carries out the charge or its confirm, or an operation of the payment.

    A provider service identifies a command by its operation's id: a repeat has no second effect, whatever became of the
    first one; if the first one was lost, the repeat takes its place.
    """
    if operation is None:
        return _of_itself(payment)
    if operation.subject is Subject.DETACH:
        return Detach(**_common(payment, operation.id), reference=_kept_as(payment))
    assert payment.reference is not None, "only a charge that the provider knows can be changed"
    reference = payment.reference
    amount = Money(operation.amount_minor, payment.amount.currency)
    match operation.subject:
        case Subject.CAPTURE:
            return Capture(
                **_common(payment, operation.id),
                reference=reference,
                amount=amount,
                final=operation.final,
                statement_descriptor=payment.statement_descriptor,
            )
        case Subject.CANCEL:
            of = "setup" if payment.subject is Subject.SETUP else "charge"
            return Cancel(**_common(payment, operation.id), reference=reference, of=of)
        case Subject.REFUND:
            reason = operation.reason
            return Refund(**_common(payment, operation.id), reference=reference, amount=amount, reason=reason)
        case Subject.RETURN_REQUEST:
            reason = operation.reason
            return ReturnRequest(**_common(payment, operation.id), reference=reference, amount=amount, reason=reason)
        case Subject.PAYMENT | Subject.SETUP | Subject.DISPUTE | Subject.FRAUD_WARNING:
            raise ValueError(operation.subject)


def withdraw(payment: Payment, operation: Operation | None) -> Withdraw:
    """The command that stops a refund, or for a cancel the charge or the confirm that is under way, where it waits, if that was
    never sent.
    """
    if operation is not None and operation.subject is Subject.REFUND:
        return Withdraw(**_common(payment, operation.id), kind="refund")
    return Withdraw(**_common(payment, payment.awaited_id), kind=_awaited_kind(payment))


def query(payment: Payment, operation: Operation | None) -> Query:
    """The query about an operation, or about the charge: about its confirm while that is under way."""
    if operation is None:
        kind, ended = _awaited_kind(payment), payment.state in DECIDED
        return Query(**_common(payment, payment.awaited_id), kind=kind, reference=payment.reference, only_read=ended)
    own = operation.subject in (Subject.REFUND, Subject.DISPUTE)
    reference = operation.reference if own else payment.reference
    if operation.subject is Subject.DETACH:
        reference = _kept_as(payment)
    kind, opened = KINDS[operation.subject], None
    assert kind != "fraud_warning", "there is nothing to ask about a warning"
    if operation.opened_by == "provider":
        amount = Money(operation.amount_minor, payment.amount.currency)
        opened = OpenedOperation(operation.dispute.amount if operation.dispute else amount, charge=payment.reference)
    return Query(**_common(payment, operation.id), kind=kind, reference=reference, opened=opened)


def _kept_as(payment: Payment) -> str:
    """What the provider calls the method that the payment has saved."""
    assert payment.saved is not None, "only what was saved can be detached"
    return payment.saved.reference


def _awaited_kind(payment: Payment) -> Literal["charge", "confirm", "setup"]:
    if payment.subject is Subject.SETUP:
        return "setup"
    return "confirm" if payment.confirming else "charge"


_REPEATED_WITHIN = timedelta(hours=1)


class _Common(TypedDict):
    payment_id: str
    operation_id: str
    merchant_id: str
    mode: Mode
    config_version: int
    step: int
    account: str
    client_ref: str | None


def _common(payment: Payment, operation_id: str) -> _Common:
    return _Common(
        payment_id=payment.id,
        operation_id=operation_id,
        merchant_id=payment.merchant_id,
        mode=payment.mode,
        config_version=payment.config_version,
        step=payment.step,
        account=payment.account,
        client_ref=payment.client_ref,
    )
