"""The life of a PaymentIntent: confirm, authenticate, capture, cancel. Here money moves and the book is written."""

from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

from malipo_simulators.stripe.book import Kind
from malipo_simulators.stripe.cards import AUTHENTICATION_FAILED, AUTHENTICATION_REQUIRED, Decline, Result, Verdict
from malipo_simulators.stripe.fault_rules import Fault
from malipo_simulators.stripe.models import (
    Action,
    CaptureMethod,
    Charge,
    Failure,
    IntentStatus,
    PaymentIntent,
    PaymentMethod,
)
from malipo_simulators.stripe.work import Work

CONFIRMABLE = frozenset({
    IntentStatus.REQUIRES_PAYMENT_METHOD, IntentStatus.REQUIRES_CONFIRMATION, IntentStatus.REQUIRES_ACTION,
})  # fmt: skip
CANCELABLE = CONFIRMABLE | {IntentStatus.REQUIRES_CAPTURE}


@dataclass(frozen=True, slots=True)
class Confirmation:
    """How a confirmation was asked for. `base_url` is where the 3DS page can be reached."""

    base_url: str
    return_url: str | None = None
    off_session: bool = False
    error_on_requires_action: bool = False
    use_stripe_sdk: bool = False


def confirm(work: Work, intent: PaymentIntent, method: PaymentMethod, how: Confirmation) -> Failure | None:
    """Try the card. Afterwards the intent is succeeded, requires_capture, requires_action, or has failed.

    A failure is returned (the API answers 402 with it) and also kept in `last_payment_error`.
    """
    intent.payment_method = method
    intent.failure, intent.action = None, None
    intent.book_key = work.cause.idempotency_key
    result = method.card.off_session if how.off_session else method.card.on_session
    if result is Verdict.AUTHENTICATE and how.error_on_requires_action:
        result = AUTHENTICATION_REQUIRED
    return apply_result(work, intent, method, result, how)


def apply_result(
    work: Work, intent: PaymentIntent, method: PaymentMethod, result: Result, how: Confirmation
) -> Failure | None:
    match result:
        case Verdict.APPROVE:
            approve(work, intent, method)
        case Verdict.AUTHENTICATE:
            challenge(work, intent, how)
        case Decline():
            return decline(work, intent, method, result)
    return None


def approve(work: Work, intent: PaymentIntent, method: PaymentMethod) -> None:
    charge = new_charge(work, intent, method)
    if intent.capture_method is CaptureMethod.MANUAL:
        authorize(work, intent, charge)
    else:
        charge_at_once(work, intent, charge)


def authorize(work: Work, intent: PaymentIntent, charge: Charge) -> None:
    intent.status = IntentStatus.REQUIRES_CAPTURE
    work.book(Kind.AUTHORIZE, charge, charge.amount)
    work.tell_charge("succeeded", charge)
    work.tell_intent("amount_capturable_updated", intent)


def charge_at_once(work: Work, intent: PaymentIntent, charge: Charge) -> None:
    """With `automatic_async` the balance transaction follows the charge, announced by charge.updated."""
    intent.status = IntentStatus.SUCCEEDED
    charge.captured, charge.amount_captured = True, charge.amount
    work.account.earn(intent.currency, charge.amount)
    work.book(Kind.CHARGE, charge, charge.amount)
    if intent.capture_method is CaptureMethod.AUTOMATIC:
        charge.balance_transaction = work.mint("txn")
    work.tell_charge("succeeded", charge)
    work.tell_intent("succeeded", intent)
    if charge.balance_transaction is None:
        charge.balance_transaction = work.mint("txn")
        work.tell_charge("updated", charge, {"balance_transaction": None})


def challenge(work: Work, intent: PaymentIntent, how: Confirmation) -> None:
    """Without a return_url, or for Stripe's browser code, there is no page to send the customer to."""
    url = f"{how.base_url}/_sim/3ds/{intent.id}"
    hidden = work.cause.fault is not None and work.cause.fault.fault is Fault.ACTION_WITHOUT_PAGE
    for_sdk = how.use_stripe_sdk or how.return_url is None or hidden
    intent.action = Action(url, how.return_url, for_stripe_sdk=for_sdk)
    intent.status = IntentStatus.REQUIRES_ACTION
    work.tell_intent("requires_action", intent)


def decline(work: Work, intent: PaymentIntent, method: PaymentMethod, why: Decline) -> Failure:
    charge = new_charge(work, intent, method, why)
    failure = fail(intent, method, why, charge.id)
    work.tell_charge("failed", charge)
    work.tell_intent("payment_failed", intent)
    return failure


def fail(intent: PaymentIntent, method: PaymentMethod, why: Decline, charge_id: str | None) -> Failure:
    """Back to the start: the payment method is gone, the reason stays."""
    intent.status = IntentStatus.REQUIRES_PAYMENT_METHOD
    intent.payment_method, intent.action = None, None
    intent.failure = Failure(why, method, charge_id)
    return intent.failure


def new_charge(work: Work, intent: PaymentIntent, method: PaymentMethod, why: Decline | None = None) -> Charge:
    charge = Charge(work.mint("ch"), intent, method, intent.amount, work.now, why)
    intent.charge = charge
    work.account.charges.append(charge)
    return charge


def capture(work: Work, intent: PaymentIntent, charge: Charge, amount: int) -> None:
    """Take up to the authorized amount; the rest is released for good."""
    charge.captured, charge.amount_captured = True, amount
    charge.released = charge.amount - amount
    charge.balance_transaction = work.mint("txn")
    intent.status = IntentStatus.SUCCEEDED
    work.account.earn(intent.currency, amount)
    work.book(Kind.CAPTURE, charge, amount)
    if charge.released:
        work.book(Kind.RELEASE, charge, charge.released)
    work.tell_charge("captured", charge)
    work.tell_intent("succeeded", intent)


def cancel(work: Work, intent: PaymentIntent, reason: str | None) -> None:
    """An authorization is released; its charge then shows as refunded, as on the real service."""
    held = intent.charge if intent.status is IntentStatus.REQUIRES_CAPTURE else None
    intent.status, intent.action = IntentStatus.CANCELED, None
    intent.canceled_at, intent.cancellation_reason = work.now, reason
    if held is not None:
        held.released = held.amount
        work.book(Kind.RELEASE, held, held.amount)
        work.tell_charge("refunded", held)
    work.tell_intent("canceled", intent)


def approve_challenge(work: Work, intent: PaymentIntent, method: PaymentMethod) -> None:
    """The customer proved who they are; the card may still decline."""
    intent.action = None
    apply_result(work, intent, method, method.card.authenticated, Confirmation(base_url=""))


def refuse_challenge(work: Work, intent: PaymentIntent, method: PaymentMethod) -> None:
    fail(intent, method, AUTHENTICATION_FAILED, None)
    work.tell_intent("payment_failed", intent)


def way_back(intent: PaymentIntent, return_url: str) -> str:
    """The merchant's page with what Stripe appends to it. A hint for the browser, not a proof of payment."""
    paid = intent.status in (IntentStatus.SUCCEEDED, IntentStatus.REQUIRES_CAPTURE)
    query = urlencode({
        "payment_intent": intent.id,
        "payment_intent_client_secret": intent.client_secret,
        "redirect_status": "succeeded" if paid else "failed",
    })  # fmt: skip
    parts = urlsplit(return_url)
    return parts._replace(query=f"{parts.query}&{query}" if parts.query else query).geturl()
