"""What is due once the clock was moved: orders run out of time, authorizations expire, what is pending ends, webhooks repeat."""

from malipo_simulators.kit.cause import Cause
from malipo_simulators.kit.shapes import Json
from malipo_simulators.paypal.authorizations import lifecycle as authorizations
from malipo_simulators.paypal.captures import lifecycle as captures
from malipo_simulators.paypal.objects.models import Authorization, Capture, Refund
from malipo_simulators.paypal.payers.lifecycle import forget_gone
from malipo_simulators.paypal.refunds import lifecycle as refunds
from malipo_simulators.paypal.state.change import Change
from malipo_simulators.paypal.state.world import PaypalWorld


def run_due(world: PaypalWorld) -> Json:
    """How many of each."""
    changes = [Change(world, account, Cause("POST", "/_sim/clock")) for account in world.accounts.values()]
    return {
        "ended": sum(map(end_pending, changes)),
        "voided": sum(map(authorizations.expire_due, changes)),
        "gone": sum(map(forget_gone, changes)),
        "delivered": world.hurry(),
    }


def end_pending(change: Change) -> int:
    due = [one for one in change.account.unsettled.values() if one.due is not None and one.due <= change.now]
    return sum(end(change, one) for one in due)


def end(change: Change, one: Authorization | Capture | Refund) -> bool:
    match one:
        case Authorization():
            return authorizations.end(change, one)
        case Capture():
            return captures.end(change, one)
        case Refund():
            return refunds.end(change, one)
