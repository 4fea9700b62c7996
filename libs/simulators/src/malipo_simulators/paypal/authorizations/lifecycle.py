"""The life of an authorization: made, captured in parts, made anew, voided, expired. Money is held here and let go."""

from functools import partial
from math import ceil

from malipo_simulators.paypal.captures import invoices
from malipo_simulators.paypal.captures.lifecycle import DENIED_IN_THE_END, PENDING_FAULTS, REVIEW, Wanted, take
from malipo_simulators.paypal.faults import PaypalFault
from malipo_simulators.paypal.objects.models import (
    TAKEN,
    Authorization,
    AuthorizationStatus,
    Capture,
    Order,
    OrderStatus,
    Unit,
)
from malipo_simulators.paypal.objects.money import Money
from malipo_simulators.paypal.objects.plans import Funding
from malipo_simulators.paypal.state.book import EffectKind
from malipo_simulators.paypal.state.change import Change
from malipo_simulators.paypal.state.events import EventType

UNDER_REVIEW = (Funding.REVIEW, Funding.DENIED_REVIEW)
OPEN = (AuthorizationStatus.CREATED, AuthorizationStatus.PARTIALLY_CAPTURED)
ENDED = (AuthorizationStatus.CAPTURED, AuthorizationStatus.VOIDED, AuthorizationStatus.DENIED)


def make(change: Change, order: Order, unit: Unit, funding: Funding) -> Authorization:
    """Hold the money: created, pending or denied, as a fault has it, and else what the payer pays with."""
    if change.fault is PaypalFault.CAPTURE_DECLINED:
        funding = Funding.FAILING_CARD
    funding = PENDING_FAULTS.get(change.fault, funding) if change.fault else funding
    one = new_authorization(change, order, unit, funding)
    unit.authorizations.append(one)
    change.account.authorizations.append(one)
    change.account.open_authorizations[one.id] = one
    if funding is Funding.FAILING_CARD:
        one.status = AuthorizationStatus.DENIED
    elif funding in UNDER_REVIEW:
        wait(change, one)
    else:
        grant(change, one)
    return one


def new_authorization(change: Change, order: Order, unit: Unit, funding: Funding) -> Authorization:
    return Authorization(
        id=change.world.new_id("authorization"),
        order=order,
        unit=unit,
        amount=unit.amount,
        created=change.now,
        updated=change.now,
        expires=change.now + change.settings.authorization_seconds,
        status=AuthorizationStatus.PENDING,
        funding=funding,
        invoice_id=unit.invoice_id,
        custom_id=unit.custom_id,
    )


def grant(change: Change, one: Authorization) -> None:
    one.status, one.reason, one.updated = AuthorizationStatus.CREATED, None, change.now
    invoices.claim(change.account, one.order, one.invoice_id)
    change.move(EffectKind.AUTHORIZE, one, one.amount)
    change.emit_authorization(EventType.AUTHORIZATION_CREATED, one)


def wait(change: Change, one: Authorization) -> None:
    seconds = change.fault_seconds if change.fault in PENDING_FAULTS else change.settings.pending_seconds
    one.reason, one.denied_later = REVIEW, one.funding in DENIED_IN_THE_END
    one.due = change.now + ceil(seconds)
    change.account.unsettled[one.id] = one
    change.world.timers.later(seconds, partial(end, change.because(f"/_sim/authorizations/{one.id}"), one))


def end(change: Change, one: Authorization) -> bool:
    return deny(change, one) if one.denied_later else settle(change, one)


def settle(change: Change, one: Authorization) -> bool:
    """Pending becomes created. False if it is no longer pending."""
    if one.status is not AuthorizationStatus.PENDING:
        return False
    change.account.unsettled.pop(one.id, None)
    # What was under review is as good as money of the balance from now on.
    one.funding = Funding.BALANCE
    grant(change, one)
    return True


def deny(change: Change, one: Authorization) -> bool:
    """Pending becomes denied, of which no event tells. False if it is no longer pending."""
    if one.status is not AuthorizationStatus.PENDING:
        return False
    change.account.unsettled.pop(one.id, None)
    one.status, one.reason, one.updated = AuthorizationStatus.DENIED, None, change.now
    return True


def capture(change: Change, one: Authorization, wanted: Wanted) -> Capture:
    """All of it or a part. After the last part, what is left is let go."""
    before = left(one)
    made = take(change, wanted)
    if made.status in TAKEN:
        ends = wanted.final or left(one).minor <= 0
        mark(change, one, AuthorizationStatus.CAPTURED if ends else AuthorizationStatus.PARTIALLY_CAPTURED)
        if ends and before > wanted.amount:
            change.move(EffectKind.RELEASE, one, before - wanted.amount)
    return made


def mark(change: Change, one: Authorization, status: AuthorizationStatus) -> None:
    """The one that was captured, and the one that it stands for."""
    for each in {one.id: one, one.family.id: one.family}.values():
        each.status, each.updated = status, change.now


def left(one: Authorization) -> Money:
    """What is authorized and not captured; below nothing when more was captured than authorized."""
    return one.family.amount - one.captured


def reauthorize(change: Change, one: Authorization, amount: Money) -> Authorization:
    """A new authorization that stands for this one, honoured for three days more; it ends when this one does."""
    fresh = Authorization(
        id=change.world.new_id("authorization"),
        order=one.order,
        unit=one.unit,
        amount=amount,
        created=change.now,
        updated=change.now,
        expires=one.expires,
        status=one.status,
        funding=one.funding,
        root=one,
        invoice_id=one.invoice_id,
        custom_id=one.custom_id,
    )
    one.unit.authorizations.append(fresh)
    change.account.authorizations.append(fresh)
    change.move(EffectKind.REAUTHORIZE, fresh, amount)
    change.emit_authorization(EventType.AUTHORIZATION_CREATED, fresh)
    return fresh


def void(change: Change, one: Authorization) -> None:
    """Let go what is left, of this one and of those that stand for it."""
    remaining = left(one)
    change.account.open_authorizations.pop(one.id, None)
    change.account.unsettled.pop(one.id, None)
    held = one.status is not AuthorizationStatus.PENDING
    for each in (one, *(other for other in one.unit.authorizations if other.root is one)):
        each.status, each.reason, each.updated = AuthorizationStatus.VOIDED, None, change.now
    if held and remaining.minor > 0:
        change.move(EffectKind.RELEASE, one, remaining)
    if not one.captures:
        invoices.let_go(change.account, one.invoice_id)
    if not one.captured.minor:
        one.order.status, one.order.updated = OrderStatus.VOIDED, change.now
    change.emit_authorization(EventType.AUTHORIZATION_VOIDED, one)


def expire_due(change: Change) -> int:
    """Void what has run out by now. Returns how many."""
    listed = change.account.open_authorizations
    for ended in [one.id for one in listed.values() if one.status in ENDED]:
        del listed[ended]
    due = [one for one in listed.values() if one.expires <= change.now]
    for one in due:
        void(change, one)
    return len(due)
