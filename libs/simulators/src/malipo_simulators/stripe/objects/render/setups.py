"""SetupIntents and their attempts as JSON."""

from malipo_simulators.kit.shapes import Json
from malipo_simulators.stripe.objects.customers import SetupAttempt, SetupIntent
from malipo_simulators.stripe.objects.expand import NOTHING, Expand
from malipo_simulators.stripe.objects.render.charges import render_authentication
from malipo_simulators.stripe.objects.render.dispatch import reference, render
from malipo_simulators.stripe.objects.render.methods import render_plain_card
from malipo_simulators.stripe.objects.render.payment_intents import render_action, render_automatic, render_failure


@render.register
def render_setup_intent(setup: SetupIntent, expand: Expand = NOTHING) -> Json:
    options = setup.options
    return {
        "id": setup.id,
        "object": "setup_intent",
        "allowed_payment_method_types": options.allowed_payment_method_types,
        "application": None,
        "automatic_payment_methods": render_automatic(options.automatic_payment_methods, options.allow_redirects),
        "cancellation_reason": setup.cancellation_reason,
        "client_secret": setup.client_secret,
        "created": setup.created,
        "customer": reference(expand, "customer", setup.customer),
        "customer_account": None,
        "description": options.description,
        "excluded_payment_method_types": options.excluded_payment_method_types,
        "flow_directions": None,
        "last_setup_error": render_failure(setup.failure),
        "latest_attempt": reference(expand, "latest_attempt", setup.attempt),
        "livemode": False,
        "mandate": None,
        "metadata": dict(setup.metadata),
        "next_action": render_action(setup.action),
        "on_behalf_of": None,
        "payment_method": reference(expand, "payment_method", setup.payment_method),
        "payment_method_configuration_details": None,
        "payment_method_options": {
            "card": {"mandate_options": None, "network": None, "request_three_d_secure": "automatic"}
        },
        "payment_method_types": ["card"],
        "single_use_mandate": None,
        "status": setup.status,
        "usage": options.usage,
    }


@render.register
def render_attempt(attempt: SetupAttempt, expand: Expand = NOTHING) -> Json:
    setup = attempt.setup
    return {
        "id": attempt.id,
        "object": "setup_attempt",
        "application": None,
        "created": attempt.created,
        "customer": reference(expand, "customer", setup.customer),
        "customer_account": None,
        "flow_directions": None,
        "livemode": False,
        "on_behalf_of": None,
        "payment_method": reference(expand, "payment_method", attempt.payment_method),
        "payment_method_details": {"type": "card", "card": render_tried_card(attempt)},
        "setup_error": render_failure(attempt.failure),
        "setup_intent": reference(expand, "setup_intent", setup),
        "status": attempt.status,
        "usage": setup.options.usage,
    }


def render_tried_card(attempt: SetupAttempt) -> Json:
    card = render_plain_card(attempt.payment_method) | {
        "network": attempt.payment_method.card.brand,
        "three_d_secure": without_exemption() if attempt.authenticated else None,
    }
    del card["regulated_status"]
    return card


def without_exemption() -> Json:
    return {name: value for name, value in render_authentication().items() if name != "exemption_indicator"}
