"""Authorizations lapse: what is not captured within seven days is released, and the intent canceled."""

from malipo_simulators.kit.cause import Cause
from malipo_simulators.stripe.objects.models import Charge, IntentStatus, PaymentIntent
from malipo_simulators.stripe.objects.render import render
from malipo_simulators.stripe.objects.render.charges import SECONDS_TO_CAPTURE
from malipo_simulators.stripe.state.account import Account
from malipo_simulators.stripe.state.book import EffectKind
from malipo_simulators.stripe.state.change import Change
from malipo_simulators.stripe.state.world import StripeWorld


def lapse_authorizations(world: StripeWorld) -> int:
    """Called when the clock is moved, as no test runs for a week. Returns how many lapsed."""
    return sum(lapse_in(world, account) for account in world.accounts.values())


def lapse_in(world: StripeWorld, account: Account) -> int:
    change = Change(world, account, Cause("POST", "/_sim/clock"))
    due = [(intent, charge) for intent in account.intents if (charge := lapsed_charge(intent, change.now))]
    for intent, charge in due:
        lapse(change, intent, charge)
    return len(due)


def lapsed_charge(intent: PaymentIntent, now: int) -> Charge | None:
    held = intent.charge if intent.status is IntentStatus.REQUIRES_CAPTURE else None
    return held if held and held.created + SECONDS_TO_CAPTURE <= now else None


def lapse(change: Change, intent: PaymentIntent, charge: Charge) -> None:
    intent.status = IntentStatus.CANCELED
    intent.canceled_at, intent.cancellation_reason = change.now, "automatic"
    before = render(charge)
    charge.released = charge.amount
    change.book(EffectKind.RELEASE, charge, charge.amount)
    change.emit_update("charge.expired", charge, before)
    change.emit("payment_intent.canceled", intent)
