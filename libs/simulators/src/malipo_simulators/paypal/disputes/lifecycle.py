"""The life of a dispute: opened, which holds the money, and resolved, which puts it back or takes it away."""

from malipo_simulators.paypal.captures import lifecycle as captures
from malipo_simulators.paypal.objects.models import Capture, Dispute, DisputeOutcome, DisputeStatus
from malipo_simulators.paypal.objects.money import Money
from malipo_simulators.paypal.state.book import EffectKind
from malipo_simulators.paypal.state.change import Change
from malipo_simulators.paypal.state.events import EventType

DIGITS = "0123456789"
ID_LENGTH = 9


def open_dispute(change: Change, capture: Capture, amount: Money, reason: str) -> Dispute:
    one = Dispute(
        id=f"PP-D-{change.world.ids.draw('dispute', ID_LENGTH, DIGITS)}",
        capture=capture,
        amount=amount,
        reason=reason,
        created=change.now,
        updated=change.now,
    )
    change.account.disputes.append(one)
    change.move(EffectKind.HOLD, capture, amount, transaction=change.world.new_id("hold"))
    change.emit_dispute(EventType.DISPUTE_CREATED, one)
    return one


def review(change: Change, one: Dispute) -> bool:
    """PayPal looks into it. False if it has already done so."""
    if one.status is not DisputeStatus.OPEN:
        return False
    one.status, one.updated = DisputeStatus.UNDER_REVIEW, change.now
    change.emit_dispute(EventType.DISPUTE_UPDATED, one)
    return True


def win(change: Change, one: Dispute) -> bool:
    """For the merchant: the money is no longer held. False if it has ended."""
    return resolve(change, one, DisputeOutcome.SELLER)


def lose(change: Change, one: Dispute) -> bool:
    """For the payer: PayPal takes the money back. False if it has ended."""
    if not resolve(change, one, DisputeOutcome.BUYER):
        return False
    captures.reverse(change, one.capture, one.amount)
    return True


def resolve(change: Change, one: Dispute, outcome: DisputeOutcome) -> bool:
    if one.status is DisputeStatus.RESOLVED:
        return False
    one.status, one.outcome, one.updated = DisputeStatus.RESOLVED, outcome, change.now
    change.move(EffectKind.HOLD_ENDED, one.capture, one.amount, transaction=change.world.new_id("hold"))
    change.emit_dispute(EventType.DISPUTE_RESOLVED, one)
    return True
