"""What the test cards do that dispute a payment, or report it, once it has succeeded."""

from malipo_simulators.stripe.disputes.lifecycle import open_dispute, warn
from malipo_simulators.stripe.objects.cards import Aftermath
from malipo_simulators.stripe.objects.models import Charge
from malipo_simulators.stripe.state.change import Change


def plan_aftermath(change: Change, charge: Charge) -> None:
    """A little later, as nobody disputes what has not been answered yet."""
    if charge.payment_method.card.aftermath is not Aftermath.NOTHING:
        later = change.later("/_sim/disputes")
        change.world.timers.later(change.world.settings.aftermath_seconds, lambda: happen(later, charge))


def happen(change: Change, charge: Charge) -> None:
    """Nothing, if it was all refunded meanwhile."""
    if charge.disputable < 1:
        return
    match charge.payment_method.card.aftermath:
        case Aftermath.DISPUTE:
            open_dispute(change, charge, None, "fraudulent")
        case Aftermath.DISPUTE_NOT_RECEIVED:
            open_dispute(change, charge, None, "product_not_received")
        case Aftermath.INQUIRY:
            open_dispute(change, charge, None, "fraudulent", inquiry=True)
        case Aftermath.TWO_DISPUTES:
            dispute_twice(change, charge)
        case Aftermath.FRAUD_WARNING:
            warn(change, charge)
        case Aftermath.NOTHING:
            pass


def dispute_twice(change: Change, charge: Charge) -> None:
    """Each over a half; the second comes while the first is open."""
    open_dispute(change, charge, charge.disputable // 2 or None, "fraudulent")
    if charge.disputable:
        open_dispute(change, charge, None, "fraudulent")
