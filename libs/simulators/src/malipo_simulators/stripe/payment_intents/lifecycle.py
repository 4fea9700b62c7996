"""The life of a PaymentIntent: confirm, authenticate, capture, cancel. Here money moves and the book is written."""

from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

from malipo_simulators.stripe.faults import StripeFault
from malipo_simulators.stripe.objects.cards import (
    AUTHENTICATION_FAILED,
    AUTHENTICATION_REQUIRED,
    Approval,
    Decline,
    Result,
)
from malipo_simulators.stripe.objects.models import (
    Action,
    CaptureMethod,
    Charge,
    Failure,
    IntentStatus,
    PaymentIntent,
    PaymentMethod,
)
from malipo_simulators.stripe.state.book import EffectKind
from malipo_simulators.stripe.state.change import Change

CONFIRMABLE = frozenset({
    IntentStatus.REQUIRES_PAYMENT_METHOD, IntentStatus.REQUIRES_CONFIRMATION, IntentStatus.REQUIRES_ACTION,
})  # fmt: skip
CANCELABLE = CONFIRMABLE | {IntentStatus.REQUIRES_CAPTURE}


@dataclass(frozen=True, slots=True)
class Confirmation:
    """How a confirmation was requested. `base_url` is where the 3DS page can be reached."""

    base_url: str
    return_url: str | None = None
    off_session: bool = False
    error_on_requires_action: bool = False
    use_stripe_sdk: bool = False


def confirm(change: Change, intent: PaymentIntent, method: PaymentMethod, how: Confirmation) -> Failure | None:
    """Try the card. Afterwards the intent is succeeded, requires_capture, requires_action, or has failed.

    A failure is returned (the API answers 402 with it) and also kept in `last_payment_error`.
    """
    intent.payment_method = method
    intent.failure, intent.action = None, None
    intent.book_key = change.cause.idempotency_key
    result = method.card.off_session if how.off_session else method.card.on_session
    if result is Approval.NEEDS_CUSTOMER and how.error_on_requires_action:
        result = AUTHENTICATION_REQUIRED
    return apply_result(change, intent, method, result, how)


def apply_result(
    change: Change, intent: PaymentIntent, method: PaymentMethod, result: Result, how: Confirmation
) -> Failure | None:
    match result:
        case Approval.GIVEN:
            approve(change, intent, method)
        case Approval.NEEDS_CUSTOMER:
            challenge(change, intent, how)
        case Decline():
            return decline(change, intent, method, result)
    return None


def approve(change: Change, intent: PaymentIntent, method: PaymentMethod) -> None:
    charge = new_charge(change, intent, method)
    if intent.capture_method is CaptureMethod.MANUAL:
        authorize(change, intent, charge)
    else:
        charge_at_once(change, intent, charge)


def authorize(change: Change, intent: PaymentIntent, charge: Charge) -> None:
    intent.status = IntentStatus.REQUIRES_CAPTURE
    change.book(EffectKind.AUTHORIZE, charge, charge.amount)
    change.emit_charge("succeeded", charge)
    change.emit_payment_intent("amount_capturable_updated", intent)


def charge_at_once(change: Change, intent: PaymentIntent, charge: Charge) -> None:
    """With `automatic_async` the balance transaction follows the charge, with the event charge.updated."""
    intent.status = IntentStatus.SUCCEEDED
    charge.captured, charge.amount_captured = True, charge.amount
    change.account.earn(intent.currency, charge.amount)
    change.book(EffectKind.CHARGE, charge, charge.amount)
    if intent.capture_method is CaptureMethod.AUTOMATIC:
        charge.balance_transaction = change.mint("txn")
    change.emit_charge("succeeded", charge)
    change.emit_payment_intent("succeeded", intent)
    if charge.balance_transaction is None:
        charge.balance_transaction = change.mint("txn")
        change.emit_charge("updated", charge, {"balance_transaction": None})


def challenge(change: Change, intent: PaymentIntent, how: Confirmation) -> None:
    """Without a return_url, or for Stripe's browser code, there is no page to send the customer to."""
    url = f"{how.base_url}/_sim/3ds/{intent.id}"
    hidden = change.cause.fault is not None and change.cause.fault.fault == StripeFault.ACTION_WITHOUT_PAGE
    for_sdk = how.use_stripe_sdk or how.return_url is None or hidden
    intent.action = Action(url, how.return_url, for_stripe_sdk=for_sdk)
    intent.status = IntentStatus.REQUIRES_ACTION
    change.emit_payment_intent("requires_action", intent)


def decline(change: Change, intent: PaymentIntent, method: PaymentMethod, why: Decline) -> Failure:
    charge = new_charge(change, intent, method, why)
    failure = fail(intent, method, why, charge.id)
    change.emit_charge("failed", charge)
    change.emit_payment_intent("payment_failed", intent)
    return failure


def fail(intent: PaymentIntent, method: PaymentMethod, why: Decline, charge_id: str | None) -> Failure:
    """Back to the start: the payment method is gone, the reason stays."""
    intent.status = IntentStatus.REQUIRES_PAYMENT_METHOD
    intent.payment_method, intent.action = None, None
    intent.failure = Failure(why, method, charge_id)
    return intent.failure


def new_charge(change: Change, intent: PaymentIntent, method: PaymentMethod, why: Decline | None = None) -> Charge:
    charge = Charge(change.mint("ch"), intent, method, intent.amount, change.now, why)
    intent.charge = charge
    change.account.charges.append(charge)
    return charge


def capture(change: Change, intent: PaymentIntent, charge: Charge, amount: int) -> None:
    """Capture up to the authorized amount; the rest is released for good."""
    charge.captured, charge.amount_captured = True, amount
    charge.released = charge.amount - amount
    charge.balance_transaction = change.mint("txn")
    intent.status = IntentStatus.SUCCEEDED
    change.account.earn(intent.currency, amount)
    change.book(EffectKind.CAPTURE, charge, amount)
    if charge.released:
        change.book(EffectKind.RELEASE, charge, charge.released)
    change.emit_charge("captured", charge)
    change.emit_payment_intent("succeeded", intent)


def cancel(change: Change, intent: PaymentIntent, reason: str | None) -> None:
    """An authorization is released; its charge then shows as refunded, as on the real service."""
    held = intent.charge if intent.status is IntentStatus.REQUIRES_CAPTURE else None
    intent.status, intent.action = IntentStatus.CANCELED, None
    intent.canceled_at, intent.cancellation_reason = change.now, reason
    if held is not None:
        held.released = held.amount
        change.book(EffectKind.RELEASE, held, held.amount)
        change.emit_charge("refunded", held)
    change.emit_payment_intent("canceled", intent)


def approve_challenge(change: Change, intent: PaymentIntent, method: PaymentMethod) -> None:
    """The customer proved who they are; the card may still decline."""
    intent.action = None
    apply_result(change, intent, method, method.card.authenticated, Confirmation(base_url=""))


def refuse_challenge(change: Change, intent: PaymentIntent, method: PaymentMethod) -> None:
    fail(intent, method, AUTHENTICATION_FAILED, None)
    change.emit_payment_intent("payment_failed", intent)


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
