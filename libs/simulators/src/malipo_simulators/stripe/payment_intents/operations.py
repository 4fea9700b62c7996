"""The /v1/payment_intents operations: what each accepts, refuses and answers."""

from malipo_simulators.kit.shapes import Json
from malipo_simulators.stripe.errors import StripeError, error_body, invalid, refused_state, wrong_state
from malipo_simulators.stripe.http.request import StripeRequest
from malipo_simulators.stripe.objects.expand import Expand, read_expand
from malipo_simulators.stripe.objects.models import Charge, Failure, IntentStatus, PaymentIntent, PaymentMethod
from malipo_simulators.stripe.objects.render import render_list, render_method, render_payment_intent
from malipo_simulators.stripe.payment_intents import lifecycle
from malipo_simulators.stripe.payment_intents.lifecycle import CANCELABLE, CONFIRMABLE, Confirmation
from malipo_simulators.stripe.payment_intents.params import (
    NewIntent,
    check_return_url,
    find_method,
    read_capture_method,
    read_confirmation,
    read_descriptors,
    read_new_intent,
    read_types,
)

CANCELLATION_REASONS = ("duplicate", "fraudulent", "requested_by_customer", "abandoned")


def create(request: StripeRequest) -> Json:
    """POST /v1/payment_intents: a new intent, confirmed at once when `confirm=true`."""
    requested = read_new_intent(request, request.params())
    intent = new_intent(request, requested)
    request.account.intents.append(intent)
    request.world.book.open(request.account.id, intent)
    request.change.emit_payment_intent("created", intent)
    if requested.confirm is not None and intent.payment_method is not None:
        return confirmed(request, intent, intent.payment_method, requested.confirm, requested.expand)
    return render_payment_intent(intent, requested.expand)


def new_intent(request: StripeRequest, requested: NewIntent) -> PaymentIntent:
    method = find_method(request, requested.method_id) if requested.method_id else None
    intent_id = request.change.mint("pi")
    return PaymentIntent(
        id=intent_id,
        client_secret=request.change.mint(f"{intent_id}_secret"),
        amount=requested.amount,
        currency=requested.currency,
        created=request.change.now,
        capture_method=requested.capture_method,
        metadata=requested.metadata,
        options=requested.options,
        status=IntentStatus.REQUIRES_CONFIRMATION if method else IntentStatus.REQUIRES_PAYMENT_METHOD,
        payment_method=method,
    )


def confirm(request: StripeRequest) -> Json:
    """POST /v1/payment_intents/{id}/confirm: tries the card; may be repeated after a failure."""
    intent = request.account.intents.get(request.item_id, "intent")
    params = request.params()
    read_types(request, params)
    how = read_confirmation(request, params)
    capture_method, receipt_email = read_capture_method(params), params.text("receipt_email")
    method_id = params.text("payment_method")
    expand = read_expand(params.strings("expand"))
    params.finish()
    if intent.status not in CONFIRMABLE:
        raise wrong_state(cannot("confirm", intent), render_payment_intent(intent))
    check_return_url(intent.options, how)
    method = find_method(request, method_id) if method_id else intent.payment_method
    if method is None:
        raise wrong_state(
            "You cannot confirm this PaymentIntent: it has no payment method.", render_payment_intent(intent)
        )
    intent.capture_method = capture_method or intent.capture_method
    intent.options.receipt_email = receipt_email or intent.options.receipt_email
    return confirmed(request, intent, method, how, expand)


def confirmed(
    request: StripeRequest, intent: PaymentIntent, method: PaymentMethod, how: Confirmation, expand: Expand
) -> Json:
    failure = lifecycle.confirm(request.change, intent, method, how)
    if failure is not None:
        raise card_error(failure, intent)
    return render_payment_intent(intent, expand)


def capture(request: StripeRequest) -> Json:
    """POST /v1/payment_intents/{id}/capture: all of the authorization or a part; the rest is released."""
    intent = request.account.intents.get(request.item_id, "intent")
    params = request.params()
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
    request.world.book.merge_metadata(intent, metadata)
    intent.options.statement_descriptor = descriptor or intent.options.statement_descriptor
    intent.options.statement_descriptor_suffix = suffix or intent.options.statement_descriptor_suffix
    lifecycle.capture(request.change, intent, charge, amount or intent.amount_capturable)
    return render_payment_intent(intent, expand)


def capturable(intent: PaymentIntent) -> Charge:
    if intent.status is not IntentStatus.REQUIRES_CAPTURE or intent.charge is None:
        raise wrong_state(cannot("capture", intent), render_payment_intent(intent))
    return intent.charge


def cancel(request: StripeRequest) -> Json:
    """POST /v1/payment_intents/{id}/cancel: until the money has moved; an authorization is released."""
    intent = request.account.intents.get(request.item_id, "intent")
    params = request.params()
    reason = params.choice("cancellation_reason", CANCELLATION_REASONS)
    expand = read_expand(params.strings("expand"))
    params.finish()
    if intent.status not in CANCELABLE:
        raise wrong_state(cannot("cancel", intent), render_payment_intent(intent))
    lifecycle.cancel(request.change, intent, reason)
    return render_payment_intent(intent, expand)


def retrieve(request: StripeRequest) -> Json:
    """Answers GET /v1/payment_intents/{id}."""
    intent = request.account.intents.get(request.item_id, "intent")
    params = request.params()
    params.text("client_secret")
    expand = read_expand(params.strings("expand"))
    params.finish()
    return render_payment_intent(intent, expand)


def listing(request: StripeRequest) -> Json:
    """GET /v1/payment_intents: newest first."""
    params = request.params()
    page, expand = params.page(), read_expand(params.strings("expand"), listing=True)
    params.finish()
    found, has_more = request.account.intents.page(page)
    return render_list(
        [render_payment_intent(intent, expand) for intent in found], "/v1/payment_intents", has_more=has_more
    )


def cannot(verb: str, intent: PaymentIntent) -> str:
    return f"You cannot {verb} this PaymentIntent because it has a status of {intent.status}."


def card_error(failure: Failure, intent: PaymentIntent) -> StripeError:
    """402: the card was declined. The intent exists and is inside, so that a client can keep its id."""
    decline = failure.decline
    body = error_body("card_error", decline.message, decline.code)
    body |= {
        "charge": failure.charge,
        "decline_code": decline.reason,
        "payment_intent": render_payment_intent(intent),
        "payment_method": render_method(failure.payment_method),
    }
    return StripeError(402, body, remembered=True)
