"""The life of a PaymentIntent: confirm, authenticate, capture, cancel. Here money moves and the book is written."""

from malipo_simulators.stripe.disputes.aftermath import plan_aftermath
from malipo_simulators.stripe.objects.customers import Failure, PaymentMethod
from malipo_simulators.stripe.objects.declines import (
    AUTHENTICATION_FAILED,
    AUTHENTICATION_REQUIRED,
    Approval,
    Decline,
    Result,
)
from malipo_simulators.stripe.objects.models import CaptureMethod, Charge, IntentStatus, PaymentIntent
from malipo_simulators.stripe.objects.render import render
from malipo_simulators.stripe.payment_methods.confirming import Confirmation, new_action
from malipo_simulators.stripe.payment_methods.lifecycle import attach, spend
from malipo_simulators.stripe.state.balance import processing_fee
from malipo_simulators.stripe.state.book import EffectKind
from malipo_simulators.stripe.state.change import Change
from malipo_simulators.stripe.state.settling import settle, settle_later

CONFIRMABLE = frozenset({
    IntentStatus.REQUIRES_PAYMENT_METHOD, IntentStatus.REQUIRES_CONFIRMATION, IntentStatus.REQUIRES_ACTION,
})  # fmt: skip
CANCELABLE = CONFIRMABLE | {IntentStatus.REQUIRES_CAPTURE}


def confirm(change: Change, intent: PaymentIntent, method: PaymentMethod, how: Confirmation) -> Failure | None:
    """Try the card. Afterwards the intent is succeeded, requires_capture, requires_action, or has failed.

    A failure is returned (the API answers 402 with it) and also kept in `last_payment_error`.
    """
    intent.payment_method = method
    intent.failure, intent.action = None, None
    intent.book_key = change.cause.idempotency_key
    result = method.card.result(off_session=how.off_session, set_up=method.set_up)
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


def approve(change: Change, intent: PaymentIntent, method: PaymentMethod, *, authenticated: bool = False) -> None:
    keep_method(change, intent, method)
    charge = new_charge(change, intent, method)
    charge.authenticated = authenticated
    if intent.capture_method is CaptureMethod.MANUAL:
        authorize(change, intent, charge)
    else:
        charge_at_once(change, intent, charge)


def keep_method(change: Change, intent: PaymentIntent, method: PaymentMethod) -> None:
    """What was asked to be saved becomes the customer's; a card of nobody's has paid for the last time."""
    usage = intent.options.setup_future_usage
    method.set_up = method.set_up or usage == "off_session"
    if usage and intent.customer:
        attach(change, method, intent.customer)
    spend(method, attachable=usage is not None)


def authorize(change: Change, intent: PaymentIntent, charge: Charge) -> None:
    intent.status = IntentStatus.REQUIRES_CAPTURE
    change.book(EffectKind.AUTHORIZE, charge, charge.amount)
    change.emit("charge.succeeded", charge)
    change.emit("payment_intent.amount_capturable_updated", intent)


def charge_at_once(change: Change, intent: PaymentIntent, charge: Charge) -> None:
    """With `automatic_async` the balance transaction follows the charge."""
    intent.status = IntentStatus.SUCCEEDED
    charge.captured, charge.amount_captured = True, charge.amount
    change.book(EffectKind.CHARGE, charge, charge.amount, fee=processing_fee(charge.amount))
    if intent.capture_method is CaptureMethod.AUTOMATIC:
        settle(change, charge)
    else:
        settle_later(change, charge)
    change.emit("charge.succeeded", charge)
    change.emit("payment_intent.succeeded", intent)
    plan_aftermath(change, charge)


def challenge(change: Change, intent: PaymentIntent, how: Confirmation) -> None:
    intent.action = new_action(change, intent.id, how)
    intent.status = IntentStatus.REQUIRES_ACTION
    change.emit("payment_intent.requires_action", intent)


def decline(change: Change, intent: PaymentIntent, method: PaymentMethod, why: Decline) -> Failure:
    charge = new_charge(change, intent, method, why)
    failure = fail(intent, method, why, charge.id)
    change.emit("charge.failed", charge)
    change.emit("payment_intent.payment_failed", intent)
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
    before = render(charge)
    charge.captured, charge.amount_captured = True, amount
    charge.released = charge.amount - amount
    settle(change, charge)
    intent.status = IntentStatus.SUCCEEDED
    change.book(EffectKind.CAPTURE, charge, amount, fee=processing_fee(amount))
    if charge.released:
        change.book(EffectKind.RELEASE, charge, charge.released)
    change.emit_update("charge.captured", charge, before)
    change.emit("payment_intent.succeeded", intent)
    plan_aftermath(change, charge)


def cancel(change: Change, intent: PaymentIntent, reason: str | None) -> None:
    """An authorization is released; its charge then shows as refunded, as on the real service."""
    held = intent.charge if intent.status is IntentStatus.REQUIRES_CAPTURE else None
    intent.status, intent.action = IntentStatus.CANCELED, None
    intent.canceled_at, intent.cancellation_reason = change.now, reason
    if held is not None:
        before = render(held)
        held.released = held.amount
        change.book(EffectKind.RELEASE, held, held.amount)
        change.emit_update("charge.refunded", held, before)
    change.emit("payment_intent.canceled", intent)


def approve_challenge(change: Change, intent: PaymentIntent, method: PaymentMethod) -> None:
    """The customer proved who they are; the card may still decline."""
    intent.action = None
    if isinstance(method.card.authenticated, Decline):
        decline(change, intent, method, method.card.authenticated)
    else:
        approve(change, intent, method, authenticated=True)


def refuse_challenge(change: Change, intent: PaymentIntent, method: PaymentMethod) -> None:
    fail(intent, method, AUTHENTICATION_FAILED, None)
    change.emit("payment_intent.payment_failed", intent)
