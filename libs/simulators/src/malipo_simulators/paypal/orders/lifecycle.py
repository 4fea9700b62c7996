"""The life of an order after its payer's approval: captured or authorized, or sent back to the payer."""

from functools import partial

from malipo_simulators.paypal.authorizations import lifecycle as authorizations
from malipo_simulators.paypal.captures import lifecycle as captures
from malipo_simulators.paypal.captures.lifecycle import Wanted
from malipo_simulators.paypal.faults import PaypalFault
from malipo_simulators.paypal.objects.models import Intent, Order, OrderStatus
from malipo_simulators.paypal.objects.plans import Funding
from malipo_simulators.paypal.payers import lifecycle as payers
from malipo_simulators.paypal.state.change import Change
from malipo_simulators.paypal.state.events import EventType, Happening
from malipo_simulators.paypal.state.world import PaypalWorld


def open_order(change: Change, order: Order) -> None:
    """From now on it is there, and its payer may come."""
    order.announced_twice = change.fault is PaypalFault.DUPLICATE_APPROVAL
    change.account.orders.append(order)
    change.account.waiting_orders[order.id] = order
    change.world.book.open(change.account.id, order)
    payers.plan(change, order)


def is_declined(change: Change, order: Order) -> bool:
    """Whether the instrument that the payer chose is refused. Each try counts."""
    order.attempts += 1
    return change.fault is PaypalFault.INSTRUMENT_DECLINED or order.funding is Funding.DECLINED_CARD


def complete(change: Change, order: Order) -> None:
    """Make its payments. COMPLETED says no more than that: each of them has a status of its own."""
    order.status, order.completing, order.updated = OrderStatus.COMPLETED, False, change.now
    change.account.waiting_orders.pop(order.id, None)
    funding = order.funding or Funding.BALANCE
    for unit in order.units:
        if order.intent is Intent.AUTHORIZE:
            authorizations.make(change, order, unit, funding)
        else:
            captures.take(change, Wanted(order, unit, unit.amount, funding))
    change.emit_order(EventType.ORDER_COMPLETED, order)


def complete_later(change: Change, order: Order, seconds: float) -> None:
    """PayPal itself completes it in a while, unless it is completed by then, or sent back."""
    order.completing = True
    later = change.because(f"/_sim/orders/{order.id}/complete")
    change.world.timers.later(seconds, partial(complete_by_itself, later, order))


def complete_by_itself(change: Change, order: Order) -> None:
    if order.status is not OrderStatus.APPROVED or not order.completing:
        return
    if is_declined(change, order):
        payers.send_back(change, order)
    else:
        complete(change, order)


def complete_approved(world: PaypalWorld, happening: Happening) -> None:
    """A follower: what was confirmed with ORDER_COMPLETE_ON_PAYMENT_APPROVAL needs no call of the merchant."""
    order = happening.order
    if happening.type is EventType.ORDER_APPROVED and order.completes_itself:
        change = Change(world, happening.account, happening.cause)
        complete_later(change, order, world.settings.approve_seconds)
