"""The /v1/payment_intents operations: what each accepts, refuses and answers."""

from malipo_simulators.kit.shapes import Json
from malipo_simulators.stripe.errors import StripeError, declined, invalid, refused_state, wrong_state
from malipo_simulators.stripe.http.reads import listed, shown
from malipo_simulators.stripe.http.request import StripeRequest
from malipo_simulators.stripe.objects.customers import Failure, PaymentMethod
from malipo_simulators.stripe.objects.expand import Expand, read_expand
from malipo_simulators.stripe.objects.models import Charge, IntentStatus, PaymentIntent
from malipo_simulators.stripe.objects.render import render
from malipo_simulators.stripe.objects.render.payment_intents import render_decline
from malipo_simulators.stripe.payment_intents import lifecycle
from malipo_simulators.stripe.payment_intents.lifecycle import CANCELABLE, CONFIRMABLE
from malipo_simulators.stripe.payment_intents.params import (
    NewIntent,
    read_capture_method,
    read_changes,
    read_future_usage,
    read_new_intent,
    read_suffix,
)
from malipo_simulators.stripe.payment_methods.confirming import Confirmation, check_return_url, read_confirmation
from malipo_simulators.stripe.payment_methods.lifecycle import check_usable, find
from malipo_simulators.stripe.payment_methods.params import id_of, read_types

UPDATABLE = CONFIRMABLE - {IntentStatus.REQUIRES_ACTION}
CANCELLATION_REASONS = ("duplicate", "fraudulent", "requested_by_customer", "abandoned")


def create(request: StripeRequest) -> Json:
    """POST /v1/payment_intents: a new intent, confirmed at once when `confirm=true`."""
    requested = read_new_intent(request, request.params())
    intent = new_intent(request, requested)
    request.account.intents.append(intent)
    request.world.book.open(request.account.id, intent)
    request.change.emit("payment_intent.created", intent)
    if requested.confirm is not None and intent.payment_method is not None:
        return confirmed(request, intent, intent.payment_method, requested.confirm, requested.expand)
    return render(intent, requested.expand)


def new_intent(request: StripeRequest, requested: NewIntent) -> PaymentIntent:
    method = find(request.change, requested.method_id) if requested.method_id else None
    if method is not None:
        check_usable(method, requested.customer)
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
        customer=requested.customer,
        status=IntentStatus.REQUIRES_CONFIRMATION if method else IntentStatus.REQUIRES_PAYMENT_METHOD,
        payment_method=method,
    )


def update(request: StripeRequest) -> Json:
    """POST /v1/payment_intents/{id}: before it is confirmed; description, metadata and the like until it has ended."""
    intent = request.account.intents.get(request.item_id, "intent")
    params = request.params()
    read_types(request, params)
    changes = read_changes(request, params, intent)
    params.finish()
    if changes.is_about_money and intent.status not in UPDATABLE:
        raise wrong_state(cannot("update", intent), payment_intent=render(intent))
    method = find(request.change, changes.method_id) if changes.method_id else intent.payment_method
    customer = changes.customer or intent.customer
    if method is not None and intent.status in UPDATABLE:
        check_usable(method, customer)
        intent.status = IntentStatus.REQUIRES_CONFIRMATION
    intent.amount, intent.currency = changes.amount, changes.currency
    intent.customer, intent.payment_method = customer, method
    intent.capture_method = changes.capture_method or intent.capture_method
    request.world.book.merge_metadata(intent, changes.metadata)
    for name, value in changes.options.items():
        setattr(intent.options, name, value)
    return render(intent, changes.expand)


def confirm(request: StripeRequest) -> Json:
    """POST /v1/payment_intents/{id}/confirm: tries the card; may be repeated after a failure."""
    intent = request.account.intents.get(request.item_id, "intent")
    params = request.params()
    read_types(request, params)
    how = read_confirmation(request, params)
    capture_method, receipt_email = read_capture_method(params), params.text("receipt_email")
    method_id, future_usage = params.text("payment_method"), read_future_usage(params)
    expand = read_expand(params.strings("expand"))
    params.finish()
    if intent.status not in CONFIRMABLE:
        raise wrong_state(cannot("confirm", intent), payment_intent=render(intent))
    check_return_url(intent.options, how)
    method = find(request.change, method_id) if method_id else intent.payment_method
    if method is None:
        message = "You cannot confirm this PaymentIntent because it's missing a payment method."
        raise wrong_state(message, payment_intent=render(intent))
    check_usable(method, intent.customer)
    intent.capture_method = capture_method or intent.capture_method
    intent.options.setup_future_usage = future_usage or intent.options.setup_future_usage
    intent.options.receipt_email = receipt_email or intent.options.receipt_email
    return confirmed(request, intent, method, how, expand)


def confirmed(
    request: StripeRequest, intent: PaymentIntent, method: PaymentMethod, how: Confirmation, expand: Expand
) -> Json:
    failure = lifecycle.confirm(request.change, intent, method, how)
    if failure is not None:
        raise card_error(failure, intent)
    return render(intent, expand)


def capture(request: StripeRequest) -> Json:
    """POST /v1/payment_intents/{id}/capture: all of the authorization or a part; the rest is released."""
    intent = request.account.intents.get(request.item_id, "intent")
    params = request.params()
    amount = params.positive("amount_to_capture")
    if params.flag("final_capture") is False:
        raise invalid("This simulator captures once: final_capture=false is not modelled.", param="final_capture")
    metadata = params.metadata()
    suffix = read_suffix(params)
    expand = read_expand(params.strings("expand"))
    params.finish()
    charge = capturable(intent)
    if amount is not None and amount > intent.amount_capturable:
        message = "The amount to capture is more than was authorized."
        raise refused_state(message, code="amount_too_large", param="amount_to_capture")
    request.world.book.merge_metadata(intent, metadata)
    intent.options.statement_descriptor_suffix = suffix or intent.options.statement_descriptor_suffix
    lifecycle.capture(request.change, intent, charge, amount or intent.amount_capturable)
    return render(intent, expand)


def capturable(intent: PaymentIntent) -> Charge:
    if intent.status is not IntentStatus.REQUIRES_CAPTURE or intent.charge is None:
        raise wrong_state(cannot("capture", intent), payment_intent=render(intent))
    return intent.charge


def cancel(request: StripeRequest) -> Json:
    """POST /v1/payment_intents/{id}/cancel: until the money has moved; an authorization is released."""
    intent = request.account.intents.get(request.item_id, "intent")
    params = request.params()
    reason = params.choice("cancellation_reason", CANCELLATION_REASONS)
    expand = read_expand(params.strings("expand"))
    params.finish()
    if intent.status not in CANCELABLE:
        raise wrong_state(cannot("cancel", intent), payment_intent=render(intent))
    lifecycle.cancel(request.change, intent, reason)
    return render(intent, expand)


def retrieve(request: StripeRequest) -> Json:
    """Answers GET /v1/payment_intents/{id}."""
    return shown(request, request.account.intents.get(request.item_id, "intent"), "client_secret")


def listing(request: StripeRequest) -> Json:
    """GET /v1/payment_intents: newest first, all of them or those of one customer."""
    params = request.params()
    customer = params.text("customer")
    return listed(request, params, request.account.intents, lambda one: customer in (None, id_of(one.customer)))


def cannot(verb: str, intent: PaymentIntent) -> str:
    return f"You cannot {verb} this PaymentIntent because it has a status of {intent.status}."


def card_error(failure: Failure, intent: PaymentIntent) -> StripeError:
    """402: the intent exists and is inside, so that a client can keep its id."""
    body = render_decline(failure.decline) | {
        "charge": failure.charge,
        "payment_intent": render(intent),
        "payment_method": render(failure.payment_method),
    }
    return declined(body | {"type": "card_error"})
