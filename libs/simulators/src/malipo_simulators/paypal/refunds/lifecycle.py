"""The life of a refund: made, and if it is pending, completed or failed later. Here money goes back."""

from dataclasses import dataclass
from functools import partial
from math import ceil

from malipo_simulators.paypal.faults import PaypalFault
from malipo_simulators.paypal.objects.models import Capture, CaptureStatus, Refund, RefundStatus
from malipo_simulators.paypal.objects.money import Money
from malipo_simulators.paypal.state.book import EffectKind
from malipo_simulators.paypal.state.change import Change
from malipo_simulators.paypal.state.events import EventType

PENDING_FAULTS = (PaypalFault.REFUND_PENDING, PaypalFault.REFUND_PENDING_THEN_FAILS)
PENDING_REASON = "ECHECK"


@dataclass(frozen=True, slots=True)
class Wanted:
    capture: Capture
    amount: Money
    invoice_id: str | None = None
    custom_id: str | None = None
    note: str | None = None


def make(change: Change, wanted: Wanted) -> Refund:
    """The merchant's balance is debited at once, also by one that is pending."""
    refund = Refund(
        id=change.world.new_id("refund"),
        capture=wanted.capture,
        amount=wanted.amount,
        created=change.now,
        updated=change.now,
        status=RefundStatus.COMPLETED,
        total_refunded=wanted.capture.refunded + wanted.amount,
        invoice_id=wanted.invoice_id,
        custom_id=wanted.custom_id or wanted.capture.custom_id,
        note=wanted.note,
        idempotency_key=change.cause.idempotency_key,
    )
    wanted.capture.refunds.append(refund)
    wanted.capture.unit.refunds.append(refund)
    change.account.refunds.append(refund)
    if wanted.invoice_id is not None:
        change.account.refund_invoices.add(wanted.invoice_id)
    change.move(EffectKind.REFUND, refund, refund.amount)
    if change.fault in PENDING_FAULTS:
        wait(change, refund)
    else:
        announce(change, refund)
    return refund


def wait(change: Change, refund: Refund) -> None:
    refund.status, refund.reason = RefundStatus.PENDING, PENDING_REASON
    refund.fails_later = change.fault is PaypalFault.REFUND_PENDING_THEN_FAILS
    refund.due = change.now + ceil(change.fault_seconds)
    change.account.unsettled[refund.id] = refund
    later = change.because(f"/_sim/refunds/{refund.id}")
    change.world.timers.later(change.fault_seconds, partial(end, later, refund))
    count(refund.capture)
    change.emit_refund(EventType.REFUND_PENDING, refund)


def announce(change: Change, refund: Refund) -> None:
    count(refund.capture)
    refund.capture.updated = change.now
    change.emit_refund(EventType.CAPTURE_REFUNDED, refund)


def count(capture: Capture) -> None:
    """The capture's status by what has gone back of it."""
    if not capture.refunded.minor:
        capture.status = CaptureStatus.COMPLETED
    else:
        all_of_it = capture.refundable.minor == 0
        capture.status = CaptureStatus.REFUNDED if all_of_it else CaptureStatus.PARTIALLY_REFUNDED


def end(change: Change, refund: Refund) -> bool:
    return fail(change, refund) if refund.fails_later else complete(change, refund)


def complete(change: Change, refund: Refund) -> bool:
    """Pending becomes completed. False if it is no longer pending."""
    if refund.status is not RefundStatus.PENDING:
        return False
    change.account.unsettled.pop(refund.id, None)
    refund.status, refund.reason, refund.updated = RefundStatus.COMPLETED, None, change.now
    announce(change, refund)
    return True


def fail(change: Change, refund: Refund) -> bool:
    """Pending becomes failed, and the money is back. False if it is no longer pending."""
    if refund.status is not RefundStatus.PENDING:
        return False
    change.account.unsettled.pop(refund.id, None)
    refund.status, refund.reason, refund.updated = RefundStatus.FAILED, None, change.now
    count(refund.capture)
    change.move(EffectKind.REFUND_FAILED, refund, refund.amount)
    change.emit_refund(EventType.REFUND_FAILED, refund)
    return True
