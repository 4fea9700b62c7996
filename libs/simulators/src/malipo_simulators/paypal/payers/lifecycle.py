"""What payers do: come to the page, approve with some funding, approve again, and by plan all of it by themselves."""

from functools import partial

from malipo_simulators.paypal.objects.models import Order, OrderStatus
from malipo_simulators.paypal.objects.plans import FUNDINGS, Funding, Plan
from malipo_simulators.paypal.settings import Approve
from malipo_simulators.paypal.state.change import Change
from malipo_simulators.paypal.state.events import EventType

ECHECKS = (Funding.ECHECK, Funding.BOUNCING_ECHECK)
# How long after the first click the second one comes.
SECOND_CLICK_SECONDS = 0.05


def visit(change: Change, order: Order) -> None:
    """The payer has come to the page in time, and has some time from now on."""
    if order.waits_for_payer and not order.visited:
        order.visited, order.open_until = True, change.now + change.settings.approval_seconds


def approve(change: Change, order: Order, funding: Funding) -> bool:
    """Approve it, or once more with other funding. False when there is nothing left to approve."""
    if order.is_gone(change.now) or not (order.waits_for_payer or order.status is OrderStatus.APPROVED):
        return False
    if order.waits_for_payer:
        order.payer = order.payer or change.world.new_payer(order.email)
        order.status, order.declined = OrderStatus.APPROVED, False
        order.open_until = change.now + change.settings.completion_seconds
    order.funding, order.updated = accepted(order, funding), change.now
    order.completing = order.completing or order.completes_itself
    change.emit_order(EventType.ORDER_APPROVED, order)
    if order.announced_twice:
        order.announced_twice = False
        change.emit_order(EventType.ORDER_APPROVED, order)
    return True


def accepted(order: Order, funding: Funding) -> Funding:
    """A merchant who wants to be paid at once is not paid by eCheck."""
    return Funding.DECLINED_CARD if order.context.immediate and funding in ECHECKS else funding


def send_back(change: Change, order: Order) -> None:
    """The instrument was declined: the payer has to choose another."""
    order.status = OrderStatus.PAYER_ACTION_REQUIRED if order.has_source else OrderStatus.CREATED
    order.declined, order.completing, order.updated = True, False, change.now
    order.open_until = change.now + change.settings.approval_seconds
    act_by_plan(change, order)


def plan(change: Change, order: Order) -> None:
    """What the payer of a new order will do by itself: by a script, else by the settings."""
    fate = change.world.scripts.play(lambda match: match.takes(order, change.account.id))
    if fate is not None:
        order.plan, order.plan_seconds = fate.plan, fate.after_seconds
    elif change.settings.approve is Approve.ALL:
        order.plan, order.plan_seconds = Plan.APPROVE, change.settings.approve_seconds
    act_by_plan(change, order)


def act_by_plan(change: Change, order: Order) -> None:
    """The payer's next approval, if it has one: what is paid with goes by how often payment was tried."""
    fundings = FUNDINGS[order.plan] if order.plan else ()
    if not fundings or (order.plan is Plan.DECLINE and order.attempts):
        return
    later = change.because(f"/_sim/orders/{order.id}/approve")
    clicked = partial(approve, later, order, fundings[min(order.attempts, len(fundings) - 1)])
    change.world.timers.later(order.plan_seconds, clicked)
    if order.plan is Plan.APPROVE_TWICE and not order.attempts:
        change.world.timers.later(order.plan_seconds + SECOND_CLICK_SECONDS, clicked)


def forget_gone(change: Change) -> int:
    """Orders that nobody approved, or captured, in time are gone. Who had approved one is told so by an event."""
    waiting = change.account.waiting_orders
    gone = [order for order in waiting.values() if order.is_gone(change.now)]
    for order in gone:
        del waiting[order.id]
        if order.status is OrderStatus.APPROVED:
            change.emit_reversed_approval(order)
    return len(gone)
