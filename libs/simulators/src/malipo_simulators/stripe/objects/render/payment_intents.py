"""PaymentIntents as JSON, and what SetupIntents share with them: the next action, the last error."""

from malipo_simulators.kit.shapes import Json
from malipo_simulators.stripe.errors import DOC_URL
from malipo_simulators.stripe.objects.customers import Action, Failure
from malipo_simulators.stripe.objects.declines import Decline
from malipo_simulators.stripe.objects.expand import NOTHING, Expand
from malipo_simulators.stripe.objects.models import PaymentIntent
from malipo_simulators.stripe.objects.render.dispatch import reference, render


@render.register
def render_payment_intent(intent: PaymentIntent, expand: Expand = NOTHING) -> Json:
    options = intent.options
    return {
        "id": intent.id,
        "object": "payment_intent",
        "allowed_payment_method_types": options.allowed_payment_method_types,
        "amount": intent.amount,
        "amount_capturable": intent.amount_capturable,
        "amount_details": {"tip": {}},
        "amount_received": intent.amount_received,
        "application": None,
        "application_fee_amount": None,
        "automatic_payment_methods": render_automatic(options.automatic_payment_methods, options.allow_redirects),
        "canceled_at": intent.canceled_at,
        "cancellation_reason": intent.cancellation_reason,
        "capture_method": intent.capture_method,
        "client_secret": intent.client_secret,
        "confirmation_method": options.confirmation_method,
        "created": intent.created,
        "currency": intent.currency,
        "customer": reference(expand, "customer", intent.customer),
        "customer_account": None,
        "description": options.description,
        "excluded_payment_method_types": options.excluded_payment_method_types,
        "last_payment_error": render_failure(intent.failure),
        "latest_charge": reference(expand, "latest_charge", intent.charge),
        "livemode": False,
        "metadata": dict(intent.metadata),
        "next_action": render_action(intent.action),
        "on_behalf_of": None,
        "payment_method": reference(expand, "payment_method", intent.payment_method),
        "payment_method_configuration_details": None,
        "payment_method_options": {
            "card": {
                "installments": None,
                "mandate_options": None,
                "network": None,
                "request_three_d_secure": "automatic",
            }
        },
        "payment_method_types": ["card"],
        "processing": None,
        "receipt_email": options.receipt_email,
        "review": None,
        "setup_future_usage": options.setup_future_usage,
        "shipping": None,
        "source": None,
        "statement_descriptor": None,
        "statement_descriptor_suffix": options.statement_descriptor_suffix,
        "status": intent.status,
        "transfer_data": None,
        "transfer_group": None,
    }


def render_automatic(enabled: bool, allow_redirects: bool) -> Json | None:
    return {"enabled": True, "allow_redirects": "always" if allow_redirects else "never"} if enabled else None


def render_action(action: Action | None) -> Json | None:
    if action is None:
        return None
    if action.for_stripe_sdk:
        return {
            "type": "use_stripe_sdk",
            "use_stripe_sdk": {"type": "three_d_secure_redirect", "stripe_js": action.url},
        }
    return {
        "type": "redirect_to_url",
        "redirect_to_url": {"url": action.url, "return_url": action.return_url},
    }


def render_failure(failure: Failure | None) -> Json | None:
    """The last error of an intent: an error's body, without what the intent itself is."""
    if failure is None:
        return None
    body = render_decline(failure.decline) | {"payment_method": render(failure.payment_method)}
    if failure.charge:
        body["charge"] = failure.charge
    return body


def render_decline(decline: Decline) -> Json:
    """The part of an error that tells why; nothing that is null, as Stripe leaves such properties out."""
    body: Json = {
        "code": decline.code,
        "doc_url": DOC_URL + decline.code.replace("_", "-"),
        "message": decline.message,
        "type": "card_error" if decline.is_of_the_card else "invalid_request_error",
    }
    told = {
        "decline_code": decline.reason,
        "param": decline.param,
        "advice_code": decline.advice,
        "network_decline_code": decline.network_code,
        "network_advice_code": decline.network_advice,
    }
    return body | {name: value for name, value in told.items() if value is not None}
