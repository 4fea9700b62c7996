"""The life of a refund: made, and for some cards changed after the API has answered. Here the book is written."""

from collections.abc import Callable
from typing import Literal

from malipo_simulators.kit.faults.scripted import AppliedFault
from malipo_simulators.kit.shapes import Json
from malipo_simulators.stripe.errors import refused_state
from malipo_simulators.stripe.faults import StripeFault
from malipo_simulators.stripe.objects.cards import RefundFate
from malipo_simulators.stripe.objects.ledger import Movement
from malipo_simulators.stripe.objects.models import Charge, Refund, RefundStatus
from malipo_simulators.stripe.objects.money import check_fraction
from malipo_simulators.stripe.objects.render import render
from malipo_simulators.stripe.state.balance import move_balance
from malipo_simulators.stripe.state.book import EffectKind
from malipo_simulators.stripe.state.change import Change
from malipo_simulators.stripe.state.moved import Moved
from malipo_simulators.stripe.state.settling import settle

FAILURE_REASON = "lost_or_stolen_card"
FATES: dict[str, RefundFate] = {
    StripeFault.REFUND_PENDING_THEN_SUCCEEDS: RefundFate.PENDING_THEN_SUCCEEDS,
    StripeFault.REFUND_PENDING_THEN_FAILS: RefundFate.PENDING_THEN_FAILS,
    StripeFault.REFUND_SUCCEEDS_THEN_FAILS: RefundFate.SUCCEEDS_THEN_FAILS,
}
PENDING_FIRST = (RefundFate.PENDING_THEN_SUCCEEDS, RefundFate.PENDING_THEN_FAILS)


def make(
    change: Change, charge: Charge, amount: int | None, *, reason: str | None, metadata: dict[str, str] | None = None
) -> Refund:
    """Refund a charge, or raise 400 for what cannot go back. Without an amount all that is left of it."""
    refund = Refund(
        id=change.mint("re"),
        charge=chargeable(charge),
        amount=checked_amount(charge, amount),
        created=change.now,
        reason=reason,
        metadata=metadata or {},
        idempotency_key=change.cause.idempotency_key,
        status=RefundStatus.SUCCEEDED,
        fate=fate_of(charge, change.cause.fault),
    )
    carry_out(change, refund)
    return refund


def chargeable(charge: Charge) -> Charge:
    if charge.decline is not None or not charge.captured:
        raise refused_state(f"Charge {charge.id} took no money, so there is nothing to refund.")
    if charge.is_with_the_bank:
        raise refused_state(f"Charge {charge.id} is disputed: its money is with the bank.", code="charge_disputed")
    return charge


def checked_amount(charge: Charge, amount: int | None) -> int:
    if charge.refundable == 0:
        raise refused_state(f"Charge {charge.id} has already been refunded.", code="charge_already_refunded")
    amount = amount or charge.refundable
    check_fraction(amount, charge.intent.currency)
    if amount > charge.refundable:
        message = f"Refund amount ({amount}) is greater than unrefunded amount on charge ({charge.refundable})"
        raise refused_state(message, code="amount_too_large", param="amount")
    return amount


def fate_of(charge: Charge, fault: AppliedFault | None) -> RefundFate:
    """A scripted fate wins over the test card's own."""
    scripted = FATES.get(fault.fault) if fault else None
    return scripted or charge.payment_method.card.refund


def carry_out(change: Change, refund: Refund) -> None:
    """The balance is debited when the refund is made, even while it is pending."""
    if refund.fate in PENDING_FIRST:
        refund.status = RefundStatus.PENDING
    charge, before = refund.charge, render(refund.charge)
    settle(change, charge)
    charge.amount_refunded += refund.amount
    charge.intent.refunds.append(refund)
    change.account.refunds.append(refund)
    moved = Moved(Movement.REFUND, -refund.amount, charge.intent.currency, description="REFUND FOR CHARGE")
    refund.transaction = move_balance(change, refund, moved)
    change.book(EffectKind.REFUND, charge, refund.amount, refund=refund)
    change.emit("refund.created", refund)
    change.emit_update("charge.refunded", charge, before)
    plan_ending(change, refund)


def plan_ending(change: Change, refund: Refund) -> None:
    ending = ENDINGS.get(refund.fate)
    if ending is None:
        return
    fault = change.cause.fault
    scripted = fault is not None and fault.fault in FATES
    delay_seconds = fault.delay_seconds if fault and scripted else change.world.settings.refund_delay_seconds
    later = change.later("/_sim/refunds")
    change.world.timers.later(delay_seconds, lambda: ending(later, refund))


def succeed(change: Change, refund: Refund) -> bool:
    """Pending becomes succeeded. False if it is no longer pending."""
    if refund.status is not RefundStatus.PENDING:
        return False
    before = render(refund)
    refund.status = RefundStatus.SUCCEEDED
    announce_change(change, refund, before)
    return True


def fail(change: Change, refund: Refund) -> bool:
    """Pending or even succeeded becomes failed, and the money is back. False if it had failed already."""
    if refund.status is RefundStatus.FAILED:
        return False
    before = render(refund)
    refund.status, refund.failure_reason = RefundStatus.FAILED, FAILURE_REASON
    moved = Moved(Movement.REFUND_FAILURE, refund.amount, refund.charge.intent.currency)
    refund.failure_transaction = move_balance(change, refund, moved)
    refund.charge.amount_refunded -= refund.amount
    change.book(EffectKind.REFUND_FAILED, refund.charge, refund.amount, refund=refund)
    announce_change(change, refund, before)
    change.emit("refund.failed", refund)
    return True


def announce_change(change: Change, refund: Refund, before: Json) -> None:
    """Both events of the same change: the older one under the charge, the newer one under the refund."""
    change.emit_update("charge.refund.updated", refund, before)
    change.emit_update("refund.updated", refund, before)


ENDINGS: dict[RefundFate, Callable[[Change, Refund], bool]] = {
    RefundFate.PENDING_THEN_SUCCEEDS: succeed,
    RefundFate.PENDING_THEN_FAILS: fail,
    RefundFate.SUCCEEDS_THEN_FAILS: fail,
}


type EndingName = Literal["succeed", "fail"]
BY_NAME: dict[EndingName, Callable[[Change, Refund], bool]] = {"succeed": succeed, "fail": fail}
