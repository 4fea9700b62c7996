"""The life of a payout: it takes money out of the balance, and arrives at the bank, comes back, or is canceled."""

from typing import Literal

from malipo_simulators.kit.cause import Cause
from malipo_simulators.stripe.errors import StripeError, error_body
from malipo_simulators.stripe.objects.ledger import Movement, Payout, PayoutStatus
from malipo_simulators.stripe.objects.render import render
from malipo_simulators.stripe.state.balance import move_balance
from malipo_simulators.stripe.state.change import Change
from malipo_simulators.stripe.state.moved import Moved
from malipo_simulators.stripe.state.world import StripeWorld

SECONDS_TO_ARRIVE = 86_400

type Arrival = Literal["paid", "failed"]


def make(change: Change, payout: Payout) -> Payout:
    """Take the money out of what is available; 400 `balance_insufficient` if that is less."""
    available = change.account.balance(available=True).get(payout.currency, 0)
    if payout.amount > available:
        message = "You have insufficient funds in your Stripe account for this transfer."
        raise StripeError(400, error_body("invalid_request_error", message, "balance_insufficient"), remembered=True)
    moved = Moved(Movement.PAYOUT, -payout.amount, payout.currency, description=payout.description)
    payout.transaction = move_balance(change, payout, moved)
    change.account.payouts.append(payout)
    change.emit("payout.created", payout)
    return payout


def pay_out_everything(change: Change, currency: str) -> Payout | None:
    """The automatic payout of all that is available, which its movements then name; None when there is nothing."""
    carried = [
        one
        for one in change.account.transactions
        if one.currency == currency and one.is_available and one.payout is None and one.kind is not Movement.PAYOUT
    ]
    amount = sum(one.net for one in carried)
    if amount <= 0:
        return None
    payout = make(change, new_payout(change, amount, currency, automatic=True))
    for one in carried:
        one.payout = payout
    return payout


def new_payout(change: Change, amount: int, currency: str, *, automatic: bool = False) -> Payout:
    return Payout(
        change.mint("po"), amount, currency, change.now, change.now + SECONDS_TO_ARRIVE, automatic=automatic,
        description="STRIPE PAYOUT",
    )  # fmt: skip


def arrive(change: Change, payout: Payout, arrival: Arrival) -> bool:
    """The bank has it, or has sent it back. False if it had ended already."""
    if payout.status is not PayoutStatus.PENDING:
        return False
    before = render(payout)
    payout.status = PayoutStatus(arrival)
    if payout.status is PayoutStatus.FAILED:
        payout.failure_code = "account_closed"
        give_back(change, payout, Movement.PAYOUT_FAILURE)
    change.emit_update("payout.updated", payout, before)
    change.emit(f"payout.{arrival}", payout)
    return True


def cancel(change: Change, payout: Payout) -> None:
    """Before it has left; the caller has asked whether it can be."""
    payout.status = PayoutStatus.CANCELED
    give_back(change, payout, Movement.PAYOUT_CANCEL)
    change.emit("payout.canceled", payout)


def give_back(change: Change, payout: Payout, kind: Movement) -> None:
    payout.failure_transaction = move_balance(change, payout, Moved(kind, payout.amount, payout.currency))


def arrive_in_time(world: StripeWorld) -> int:
    """Called when the clock is moved: what was to have arrived by now has. Returns how many."""
    count = 0
    for account in world.accounts.values():
        change = Change(world, account, Cause("POST", "/_sim/clock"))
        due = [one for one in account.payouts if one.arrival_date <= change.now]
        count += sum(arrive(change, one, "paid") for one in due)
    return count
