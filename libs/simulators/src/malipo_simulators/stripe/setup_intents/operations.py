"""The operations of /v1/setup_intents and /v1/setup_attempts."""

from malipo_simulators.kit.shapes import Json
from malipo_simulators.stripe.errors import StripeError, declined, missing, unknown_parameter, wrong_state
from malipo_simulators.stripe.http.params import Params
from malipo_simulators.stripe.http.reads import listed, shown
from malipo_simulators.stripe.http.request import StripeRequest
from malipo_simulators.stripe.objects.customers import (
    Failure,
    PaymentMethod,
    SetupIntent,
    SetupOptions,
    SetupStatus,
)
from malipo_simulators.stripe.objects.expand import Expand, read_expand
from malipo_simulators.stripe.objects.metadata import merge_metadata
from malipo_simulators.stripe.objects.render import render
from malipo_simulators.stripe.objects.render.payment_intents import render_decline
from malipo_simulators.stripe.payment_methods.confirming import (
    Confirmation,
    check_return_url,
    read_automatic,
    read_confirmation,
    read_confirmation_at_once,
)
from malipo_simulators.stripe.payment_methods.lifecycle import check_usable, find
from malipo_simulators.stripe.payment_methods.params import find_customer, id_of, read_type_filters, read_types
from malipo_simulators.stripe.setup_intents import lifecycle

ONLY_OF_PAYMENTS = ("off_session", "error_on_requires_action")
USAGES = ("off_session", "on_session")
CANCELLATION_REASONS = ("abandoned", "duplicate", "requested_by_customer")


def create(request: StripeRequest) -> Json:
    """POST /v1/setup_intents: a new intent, confirmed at once when `confirm=true`."""
    params = request.params()
    refuse_payments(params)
    read_types(request, params)
    customer = find_customer(request, params.text("customer"))
    how, method_id = read_confirmation_at_once(request, params), params.text("payment_method")
    metadata, options = params.new_metadata(), read_options(params)
    expand = read_expand(params.strings("expand"))
    params.finish()
    if how is not None:
        check_return_url(options, how)
        if method_id is None:
            raise missing("payment_method")
    setup = SetupIntent("", "", request.change.now, metadata, options, customer)
    choose_method(request, setup, method_id)
    add(request, setup)
    if how is not None and setup.payment_method is not None:
        return confirmed(request, setup, setup.payment_method, how, expand)
    return render(setup, expand)


def add(request: StripeRequest, setup: SetupIntent) -> None:
    setup.id = request.change.mint("seti")
    setup.client_secret = request.change.mint(f"{setup.id}_secret")
    request.account.setups.append(setup)
    request.change.emit("setup_intent.created", setup)


def refuse_payments(params: Params) -> None:
    for name in ONLY_OF_PAYMENTS:
        params.refuse(name, unknown_parameter(name))


def read_options(params: Params) -> SetupOptions:
    automatic, redirects = read_automatic(params)
    allowed, excluded = read_type_filters(params)
    return SetupOptions(
        usage=params.choice("usage", USAGES) or "off_session",
        automatic_payment_methods=automatic,
        allow_redirects=redirects,
        description=params.text("description"),
        allowed_payment_method_types=allowed,
        excluded_payment_method_types=excluded,
    )


def choose_method(request: StripeRequest, setup: SetupIntent, method_id: str | None) -> None:
    if method_id is not None:
        method = find(request.change, method_id)
        check_usable(method, setup.customer)
        setup.payment_method, setup.status = method, SetupStatus.REQUIRES_CONFIRMATION


def update(request: StripeRequest) -> Json:
    """POST /v1/setup_intents/{id}: until it is confirmed; description and metadata always."""
    setup = request.account.setups.get(request.item_id, "intent")
    params = request.params()
    read_types(request, params)
    customer, method_id = find_customer(request, params.text("customer")), params.text("payment_method")
    metadata, description = params.metadata(), params.text("description")
    expand = read_expand(params.strings("expand"))
    params.finish()
    if (customer or method_id) and setup.status not in lifecycle.CONFIRMABLE:
        raise cannot("update", setup)
    setup.customer = customer or setup.customer
    choose_method(request, setup, method_id)
    merge_metadata(setup.metadata, metadata)
    setup.options.description = description or setup.options.description
    return render(setup, expand)


def confirm(request: StripeRequest) -> Json:
    """POST /v1/setup_intents/{id}/confirm: tries to save the card; may be repeated after a failure."""
    setup = request.account.setups.get(request.item_id, "intent")
    params = request.params()
    refuse_payments(params)
    read_types(request, params)
    how, method_id = read_confirmation(request, params), params.text("payment_method")
    expand = read_expand(params.strings("expand"))
    params.finish()
    if setup.status not in lifecycle.CONFIRMABLE:
        raise cannot("confirm", setup)
    check_return_url(setup.options, how)
    choose_method(request, setup, method_id)
    if setup.payment_method is None:
        raise cannot("confirm", setup)
    return confirmed(request, setup, setup.payment_method, how, expand)


def confirmed(
    request: StripeRequest, setup: SetupIntent, method: PaymentMethod, how: Confirmation, expand: Expand
) -> Json:
    failure = lifecycle.confirm(request.change, setup, method, how)
    if failure is not None:
        raise card_error(failure, setup)
    return render(setup, expand)


def card_error(failure: Failure, setup: SetupIntent) -> StripeError:
    """402: the intent exists and is inside, so that a client can keep its id."""
    inside = {"setup_intent": render(setup), "payment_method": render(failure.payment_method)}
    return declined(render_decline(failure.decline) | inside | {"type": "card_error"})


def cancel(request: StripeRequest) -> Json:
    """POST /v1/setup_intents/{id}/cancel: until the card is saved."""
    setup = request.account.setups.get(request.item_id, "intent")
    params = request.params()
    reason = params.choice("cancellation_reason", CANCELLATION_REASONS)
    expand = read_expand(params.strings("expand"))
    params.finish()
    if setup.status not in lifecycle.CONFIRMABLE:
        raise cannot("cancel", setup)
    lifecycle.cancel(request.change, setup, reason)
    return render(setup, expand)


def cannot(verb: str, setup: SetupIntent) -> StripeError:
    message = f"You cannot {verb} this SetupIntent because it has a status of {setup.status}."
    return wrong_state(message, setup_intent=render(setup))


def retrieve(request: StripeRequest) -> Json:
    """Answers GET /v1/setup_intents/{id}."""
    return shown(request, request.account.setups.get(request.item_id, "intent"), "client_secret")


def listing(request: StripeRequest) -> Json:
    """GET /v1/setup_intents: newest first, all of them, or those of one customer or card."""
    params = request.params()
    customer, method = params.text("customer"), params.text("payment_method")
    return listed(
        request,
        params,
        request.account.setups,
        lambda one: (
            customer in (None, id_of(one.customer))
            and method in (None, one.payment_method.id if one.payment_method else None)
        ),
    )


def list_attempts(request: StripeRequest) -> Json:
    """GET /v1/setup_attempts: those of one SetupIntent, newest first."""
    params = request.params()
    setup = params.required_text("setup_intent")
    return listed(request, params, request.account.attempts, lambda one: one.setup.id == setup)
