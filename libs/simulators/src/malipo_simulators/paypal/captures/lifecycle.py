"""The life of a capture: made, and if it is pending, completed or denied later. Here money comes in."""

from dataclasses import dataclass
from functools import partial
from math import ceil

from malipo_simulators.paypal.captures.invoices import claim_for_capture, let_go
from malipo_simulators.paypal.faults import PaypalFault
from malipo_simulators.paypal.objects.models import (
    TAKEN,
    Authorization,
    AuthorizationStatus,
    Capture,
    CaptureStatus,
    Order,
    Refund,
    RefundStatus,
    Unit,
)
from malipo_simulators.paypal.objects.money import Money, fee_of, zero
from malipo_simulators.paypal.objects.plans import Funding
from malipo_simulators.paypal.state.book import EffectKind
from malipo_simulators.paypal.state.change import Change
from malipo_simulators.paypal.state.events import EventType

REVIEW, ECHECK = "PENDING_REVIEW", "ECHECK"
PENDING_FAULTS = {
    PaypalFault.CAPTURE_PENDING: Funding.REVIEW,
    PaypalFault.CAPTURE_PENDING_THEN_DENIED: Funding.DENIED_REVIEW,
}
PENDING_REASONS = {
    Funding.ECHECK: ECHECK,
    Funding.BOUNCING_ECHECK: ECHECK,
    Funding.REVIEW: REVIEW,
    Funding.DENIED_REVIEW: REVIEW,
}
DENIED_IN_THE_END = (Funding.BOUNCING_ECHECK, Funding.DENIED_REVIEW)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to capture. Left out, `invoice_id` and `descriptor` are those of the purchase unit."""

    order: Order
    unit: Unit
    amount: Money
    funding: Funding
    final: bool = True
    authorization: Authorization | None = None
    invoice_id: str | None = None
    note: str | None = None
    descriptor: str | None = None


def take(change: Change, wanted: Wanted) -> Capture:
    """Capture it: completed, declined or pending, as a fault has it, and else what the payer pays with."""
    funding = funding_of(change, wanted.funding)
    capture = new_capture(change, wanted)
    wanted.unit.captures.append(capture)
    change.account.captures.append(capture)
    if wanted.authorization is not None:
        wanted.authorization.family.captures.append(capture)
    if funding is Funding.FAILING_CARD:
        capture.status, capture.fee = CaptureStatus.DECLINED, zero(capture.amount.currency)
        change.emit_capture(EventType.CAPTURE_DECLINED, capture)
    elif funding in PENDING_REASONS:
        wait(change, capture, funding)
    else:
        complete(change, capture)
    return capture


def funding_of(change: Change, funding: Funding) -> Funding:
    fault = change.fault
    if fault is PaypalFault.CAPTURE_DECLINED:
        return Funding.FAILING_CARD
    return PENDING_FAULTS.get(fault, funding) if fault else funding


def new_capture(change: Change, wanted: Wanted) -> Capture:
    settings = change.settings
    return Capture(
        id=change.world.new_id("capture"),
        order=wanted.order,
        unit=wanted.unit,
        amount=wanted.amount,
        fee=fee_of(wanted.amount, settings.fee_basis_points, settings.fee_fixed_minor),
        created=change.now,
        updated=change.now,
        status=CaptureStatus.PENDING,
        final=wanted.final,
        authorization=wanted.authorization,
        invoice_id=wanted.invoice_id or wanted.unit.invoice_id,
        custom_id=wanted.unit.custom_id,
        note=wanted.note,
        descriptor=wanted.descriptor or wanted.unit.descriptor,
        idempotency_key=change.cause.idempotency_key,
    )


def complete(change: Change, capture: Capture) -> None:
    """The money has come."""
    capture.status, capture.reason, capture.updated = CaptureStatus.COMPLETED, None, change.now
    claim_for_capture(change.account, capture)
    change.move(EffectKind.CAPTURE, capture, capture.amount, fee=capture.fee)
    change.emit_capture(EventType.CAPTURE_COMPLETED, capture)


def wait(change: Change, capture: Capture, funding: Funding) -> None:
    """It ends by itself: after the fault's delay if one struck, else after that of the settings."""
    seconds = change.fault_seconds if change.fault in PENDING_FAULTS else change.settings.pending_seconds
    capture.reason, capture.denied_later = PENDING_REASONS[funding], funding in DENIED_IN_THE_END
    capture.due = change.now + ceil(seconds)
    claim_for_capture(change.account, capture)
    change.account.unsettled[capture.id] = capture
    change.world.timers.later(seconds, partial(end, change.because(f"/_sim/captures/{capture.id}"), capture))
    change.emit_capture(EventType.CAPTURE_PENDING, capture)


def end(change: Change, capture: Capture) -> bool:
    return deny(change, capture) if capture.denied_later else settle(change, capture)


def settle(change: Change, capture: Capture) -> bool:
    """Pending becomes completed. False if it is no longer pending."""
    if capture.status is not CaptureStatus.PENDING:
        return False
    change.account.unsettled.pop(capture.id, None)
    complete(change, capture)
    return True


def deny(change: Change, capture: Capture) -> bool:
    """Pending becomes declined, and no money comes. False if it is no longer pending."""
    if capture.status is not CaptureStatus.PENDING:
        return False
    change.account.unsettled.pop(capture.id, None)
    capture.status, capture.reason, capture.updated = CaptureStatus.DECLINED, None, change.now
    capture.fee = zero(capture.amount.currency)
    let_go(change.account, capture.invoice_id)
    reopen(change, capture)
    change.emit_capture(EventType.CAPTURE_DENIED, capture)
    return True


def reopen(change: Change, capture: Capture) -> None:
    """What was authorized can be captured again, unless this part was to be the final one: the rest was let go then."""
    held = capture.authorization
    if held is None or capture.final:
        return
    change.account.open_authorizations[held.family.id] = held.family
    for one in {held.id: held, held.family.id: held.family}.values():
        if one.status is AuthorizationStatus.CAPTURED:
            some = one.captured.minor > 0
            one.status = AuthorizationStatus.PARTIALLY_CAPTURED if some else AuthorizationStatus.CREATED
            one.updated = change.now


def reverse(change: Change, capture: Capture, amount: Money | None = None) -> bool:
    """PayPal takes it back, at most what has not been refunded, by a refund of its own. False if there is nothing."""
    if not is_reversible(capture):
        return False
    taken = taken_back(change, capture, min(amount or capture.refundable, capture.refundable))
    capture.refunds.append(taken)
    capture.unit.refunds.append(taken)
    change.account.refunds.append(taken)
    capture.status = CaptureStatus.PARTIALLY_REFUNDED if capture.refundable.minor else CaptureStatus.REFUNDED
    capture.reversed, capture.updated = True, change.now
    change.move(EffectKind.REVERSAL, taken, taken.amount)
    change.emit_refund(EventType.CAPTURE_REVERSED, taken)
    return True


def is_reversible(capture: Capture) -> bool:
    has_come = capture.status in TAKEN and capture.status is not CaptureStatus.PENDING
    return has_come and not capture.reversed and capture.refundable.minor > 0


def taken_back(change: Change, capture: Capture, amount: Money) -> Refund:
    return Refund(
        id=change.world.new_id("refund"),
        capture=capture,
        amount=amount,
        created=change.now,
        updated=change.now,
        status=RefundStatus.COMPLETED,
        total_refunded=capture.refunded + amount,
        is_reversal=True,
        invoice_id=capture.invoice_id,
        custom_id=capture.custom_id,
        note="Payment reversed",
    )
