"""When a charge's money reaches the balance: with the charge, or somewhat later when it is captured asynchronously."""

from malipo_simulators.stripe.objects.ledger import BalanceTransaction, Movement
from malipo_simulators.stripe.objects.models import Charge
from malipo_simulators.stripe.objects.render import render
from malipo_simulators.stripe.state.balance import move_balance, processing_fee
from malipo_simulators.stripe.state.change import Change
from malipo_simulators.stripe.state.moved import Moved


def settle(change: Change, charge: Charge) -> BalanceTransaction:
    """The charge's balance transaction, made now if it has none yet."""
    if charge.transaction is None:
        moved = Moved(
            kind=Movement.CHARGE,
            amount=charge.amount_captured,
            currency=charge.intent.currency,
            fee=processing_fee(charge.amount_captured),
            at_once=charge.payment_method.card.at_once,
            description=charge.intent.options.description,
        )
        charge.transaction = move_balance(change, charge, moved)
    return charge.transaction


def settle_later(change: Change, charge: Charge) -> None:
    """With `automatic_async` the balance transaction follows the charge, told by charge.updated."""
    later = change.later("/_sim/settling")
    change.world.timers.later(change.world.settings.settling_seconds, lambda: settle_and_tell(later, charge))


def settle_and_tell(change: Change, charge: Charge) -> None:
    """Nothing when a refund or a dispute has needed the money in the balance before."""
    if charge.transaction is None:
        before = render(charge)
        settle(change, charge)
        change.emit_update("charge.updated", charge, before)
