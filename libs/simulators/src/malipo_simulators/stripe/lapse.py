"""Authorizations lapse: what is not captured within seven days is released, and the intent canceled."""

from malipo_simulators.stripe.account import Account
from malipo_simulators.stripe.book import Kind
from malipo_simulators.stripe.models import Charge, IntentStatus, PaymentIntent
from malipo_simulators.stripe.work import Work
from malipo_simulators.stripe.world import Cause, World

SECONDS_TO_CAPTURE = 7 * 86_400


def lapse_authorizations(world: World) -> int:
    """Called when the clock is moved, as nobody's test runs for a week. Returns how many lapsed."""
    return sum(lapse_in(world, account) for account in world.accounts.values())


def lapse_in(world: World, account: Account) -> int:
    work = Work(world, account, Cause("POST", "/_sim/clock"))
    due = [(intent, charge) for intent in account.intents if (charge := lapsed_charge(intent, work.now))]
    for intent, charge in due:
        lapse(work, intent, charge)
    return len(due)


def lapsed_charge(intent: PaymentIntent, now: int) -> Charge | None:
    held = intent.charge if intent.status is IntentStatus.REQUIRES_CAPTURE else None
    return held if held and held.created + SECONDS_TO_CAPTURE <= now else None


def lapse(work: Work, intent: PaymentIntent, charge: Charge) -> None:
    intent.status = IntentStatus.CANCELED
    intent.canceled_at, intent.cancellation_reason = work.now, "automatic"
    charge.released = charge.amount
    work.book(Kind.RELEASE, charge, charge.amount)
    work.tell_charge("expired", charge)
    work.tell_intent("canceled", intent)
