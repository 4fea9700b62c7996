"""The /v1/payment_intents operations: what each takes, refuses and answers."""

from malipo_simulators.stripe import intents
from malipo_simulators.stripe.call import Call
from malipo_simulators.stripe.errors import StripeError, error_body, invalid, refused_state, wrong_state
from malipo_simulators.stripe.intent_params import (
    Wish,
    check_return_url,
    find_method,
    read_capture_method,
    read_confirmation,
    read_descriptors,
    read_types,
    read_wish,
)
from malipo_simulators.stripe.intents import CANCELABLE, CONFIRMABLE, Confirmation
from malipo_simulators.stripe.models import Charge, Failure, IntentStatus, PaymentIntent, PaymentMethod
from malipo_simulators.stripe.render import Expand, draw_list, draw_method, draw_payment_intent, read_expand
from malipo_simulators.stripe.shapes import Json

CANCELLATION_REASONS = ("duplicate", "fraudulent", "requested_by_customer", "abandoned")


def create(call: Call) -> Json:
    """POST /v1/payment_intents: a new intent, confirmed at once when `confirm=true`."""
    wish = read_wish(call, call.params())
    intent = new_intent(call, wish)
    call.account.intents.append(intent)
    call.world.book.open(call.account.id, intent)
    call.work.tell_intent("created", intent)
    if wish.confirm is not None and intent.payment_method is not None:
        return confirmed(call, intent, intent.payment_method, wish.confirm, wish.expand)
    return draw_payment_intent(intent, wish.expand)


def new_intent(call: Call, wish: Wish) -> PaymentIntent:
    method = find_method(call, wish.method_id) if wish.method_id else None
    intent_id = call.work.mint("pi")
    return PaymentIntent(
        id=intent_id,
        client_secret=call.work.mint(f"{intent_id}_secret"),
        amount=wish.amount,
        currency=wish.currency,
        created=call.work.now,
        capture_method=wish.capture_method,
        metadata=wish.metadata,
        options=wish.options,
        status=IntentStatus.REQUIRES_CONFIRMATION if method else IntentStatus.REQUIRES_PAYMENT_METHOD,
        payment_method=method,
    )


def confirm(call: Call) -> Json:
    """POST /v1/payment_intents/{id}/confirm: tries the card; may be repeated after a failure."""
    intent = call.account.intents.get(call.item_id, "intent")
    params = call.params()
    read_types(call, params)
    how = read_confirmation(call, params)
    capture_method, receipt_email = read_capture_method(params), params.text("receipt_email")
    method_id = params.text("payment_method")
    expand = read_expand(params.strings("expand"))
    params.finish()
    if intent.status not in CONFIRMABLE:
        raise wrong_state(cannot("confirm", intent), draw_payment_intent(intent))
    check_return_url(intent.options, how)
    method = find_method(call, method_id) if method_id else intent.payment_method
    if method is None:
        raise wrong_state(
            "You cannot confirm this PaymentIntent: it has no payment method.", draw_payment_intent(intent)
        )
    intent.capture_method = capture_method or intent.capture_method
    intent.options.receipt_email = receipt_email or intent.options.receipt_email
    return confirmed(call, intent, method, how, expand)


def confirmed(call: Call, intent: PaymentIntent, method: PaymentMethod, how: Confirmation, expand: Expand) -> Json:
    failure = intents.confirm(call.work, intent, method, how)
    if failure is not None:
        raise card_error(failure, intent)
    return draw_payment_intent(intent, expand)


def capture(call: Call) -> Json:
    """POST /v1/payment_intents/{id}/capture: all of the authorization or a part; the rest is released."""
    intent = call.account.intents.get(call.item_id, "intent")
    params = call.params()
    amount = params.positive("amount_to_capture")
    if params.flag("final_capture") is False:
        raise invalid("This simulator captures once: final_capture=false is not modelled.", param="final_capture")
    metadata = params.metadata()
    descriptor, suffix = read_descriptors(params)
    expand = read_expand(params.strings("expand"))
    params.finish()
    charge = capturable(intent)
    if amount is not None and amount > intent.amount_capturable:
        message = "The amount to capture is more than was authorized."
        raise refused_state(message, code="amount_too_large", param="amount_to_capture")
    call.world.book.retag(intent, metadata)
    intent.options.statement_descriptor = descriptor or intent.options.statement_descriptor
    intent.options.statement_descriptor_suffix = suffix or intent.options.statement_descriptor_suffix
    intents.capture(call.work, intent, charge, amount or intent.amount_capturable)
    return draw_payment_intent(intent, expand)


def capturable(intent: PaymentIntent) -> Charge:
    if intent.status is not IntentStatus.REQUIRES_CAPTURE or intent.charge is None:
        raise wrong_state(cannot("capture", intent), draw_payment_intent(intent))
    return intent.charge


def cancel(call: Call) -> Json:
    """POST /v1/payment_intents/{id}/cancel: until the money has moved; an authorization is released."""
    intent = call.account.intents.get(call.item_id, "intent")
    params = call.params()
    reason = params.choice("cancellation_reason", CANCELLATION_REASONS)
    expand = read_expand(params.strings("expand"))
    params.finish()
    if intent.status not in CANCELABLE:
        raise wrong_state(cannot("cancel", intent), draw_payment_intent(intent))
    intents.cancel(call.work, intent, reason)
    return draw_payment_intent(intent, expand)


def retrieve(call: Call) -> Json:
    """Answers GET /v1/payment_intents/{id}."""
    intent = call.account.intents.get(call.item_id, "intent")
    params = call.params()
    params.text("client_secret")
    expand = read_expand(params.strings("expand"))
    params.finish()
    return draw_payment_intent(intent, expand)


def listing(call: Call) -> Json:
    """GET /v1/payment_intents: newest first."""
    params = call.params()
    page, expand = params.page(), read_expand(params.strings("expand"), listing=True)
    params.finish()
    found, has_more = call.account.intents.page(page)
    return draw_list(
        [draw_payment_intent(intent, expand) for intent in found], "/v1/payment_intents", has_more=has_more
    )


def cannot(verb: str, intent: PaymentIntent) -> str:
    return f"You cannot {verb} this PaymentIntent because it has a status of {intent.status}."


def card_error(failure: Failure, intent: PaymentIntent) -> StripeError:
    """402: the card said no. The intent exists and is inside, so a caller can keep its id."""
    decline = failure.decline
    body = error_body("card_error", decline.message, decline.code)
    body |= {
        "charge": failure.charge,
        "decline_code": decline.reason,
        "payment_intent": draw_payment_intent(intent),
        "payment_method": draw_method(failure.payment_method),
    }
    return StripeError(402, body, remembered=True)
