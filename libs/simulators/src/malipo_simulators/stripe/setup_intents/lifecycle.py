"""The life of a SetupIntent: confirm, authenticate, cancel. A card is saved, and no money moves."""

from malipo_simulators.stripe.objects.customers import Failure, PaymentMethod, SetupAttempt, SetupIntent, SetupStatus
from malipo_simulators.stripe.objects.declines import SETUP_AUTHENTICATION_FAILED, Approval, Decline
from malipo_simulators.stripe.payment_methods.confirming import Confirmation, new_action
from malipo_simulators.stripe.payment_methods.lifecycle import attach
from malipo_simulators.stripe.state.change import Change

CONFIRMABLE = frozenset({
    SetupStatus.REQUIRES_PAYMENT_METHOD, SetupStatus.REQUIRES_CONFIRMATION, SetupStatus.REQUIRES_ACTION,
})  # fmt: skip


def confirm(change: Change, setup: SetupIntent, method: PaymentMethod, how: Confirmation) -> Failure | None:
    """Try to save the card. Afterwards the intent is succeeded, requires_action, or has failed."""
    setup.payment_method, setup.failure, setup.action = method, None, None
    setup.attempt = SetupAttempt(change.mint("setatt"), setup, method, change.now)
    change.account.attempts.append(setup.attempt)
    match method.card.setup:
        case Approval.GIVEN:
            succeed(change, setup, method)
        case Approval.NEEDS_CUSTOMER:
            challenge(change, setup, how)
        case Decline():
            return fail(change, setup, method, method.card.setup)
    return None


def succeed(change: Change, setup: SetupIntent, method: PaymentMethod) -> None:
    setup.status = SetupStatus.SUCCEEDED
    method.set_up = method.set_up or setup.options.usage == "off_session"
    if setup.attempt:
        setup.attempt.status = "succeeded"
    if setup.customer:
        attach(change, method, setup.customer)
    change.emit("setup_intent.succeeded", setup)


def challenge(change: Change, setup: SetupIntent, how: Confirmation) -> None:
    setup.action = new_action(change, setup.id, how)
    setup.status = SetupStatus.REQUIRES_ACTION
    if setup.attempt:
        setup.attempt.status = "requires_action"
    change.emit("setup_intent.requires_action", setup)


def fail(change: Change, setup: SetupIntent, method: PaymentMethod, why: Decline) -> Failure:
    """Back to the start: the payment method is gone, the reason stays."""
    setup.status = SetupStatus.REQUIRES_PAYMENT_METHOD
    setup.payment_method, setup.action = None, None
    setup.failure = Failure(why, method)
    if setup.attempt:
        setup.attempt.status, setup.attempt.failure = "failed", setup.failure
    change.emit("setup_intent.setup_failed", setup)
    return setup.failure


def cancel(change: Change, setup: SetupIntent, reason: str | None) -> None:
    setup.status, setup.action, setup.cancellation_reason = SetupStatus.CANCELED, None, reason
    if setup.attempt and setup.attempt.status == "requires_action":
        setup.attempt.status = "abandoned"
    change.emit("setup_intent.canceled", setup)


def approve_challenge(change: Change, setup: SetupIntent, method: PaymentMethod) -> None:
    """The customer proved who they are; the issuer may still refuse."""
    setup.action = None
    if setup.attempt:
        setup.attempt.authenticated = True
    if isinstance(method.card.setup_authenticated, Decline):
        fail(change, setup, method, method.card.setup_authenticated)
    else:
        succeed(change, setup, method)


def refuse_challenge(change: Change, setup: SetupIntent, method: PaymentMethod) -> None:
    fail(change, setup, method, SETUP_AUTHENTICATION_FAILED)
