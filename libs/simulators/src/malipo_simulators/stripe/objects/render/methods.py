"""PaymentMethods as JSON, and the card inside them."""

from malipo_simulators.kit.shapes import Json
from malipo_simulators.stripe.objects.customers import PaymentMethod
from malipo_simulators.stripe.objects.expand import NOTHING, Expand
from malipo_simulators.stripe.objects.render.dispatch import reference, render


@render.register
def render_method(method: PaymentMethod, expand: Expand = NOTHING) -> Json:
    return {
        "id": method.id,
        "object": "payment_method",
        "allow_redisplay": method.allow_redisplay,
        "billing_details": render_billing(method),
        "card": render_card(method),
        "created": method.created,
        "customer": reference(expand, "customer", method.customer),
        "customer_account": None,
        "livemode": False,
        "metadata": dict(method.metadata),
        "type": "card",
    }


def render_card(method: PaymentMethod) -> Json:
    return render_plain_card(method) | {
        "display_brand": method.card.brand,
        "generated_from": None,
        "networks": {"available": [method.card.brand], "preferred": None},
        "three_d_secure_usage": {"supported": method.card.has_3ds},
    }


def render_plain_card(method: PaymentMethod) -> Json:
    """What a card is, wherever it is shown. The same card has the same fingerprint."""
    card = method.card
    return {
        "brand": card.brand,
        "checks": render_checks(method),
        "country": card.country,
        "exp_month": method.exp_month,
        "exp_year": method.exp_year,
        "fingerprint": f"sim{card.brand}{card.country}{card.last4}",
        "funding": card.funding,
        "last4": card.last4,
        "regulated_status": "unregulated",
        "wallet": None,
    }


def render_checks(method: PaymentMethod) -> Json:
    """A check of an address is made when there is one, or when failing it is what the test card is for."""
    checks = method.card.checks
    address = method.address
    return {
        "address_line1_check": checks.line1 if address.get("line1") or checks.line1 != "pass" else None,
        "address_postal_code_check": (
            checks.postal_code if address.get("postal_code") or checks.postal_code != "pass" else None
        ),
        "cvc_check": checks.cvc,
    }


def render_billing(method: PaymentMethod) -> Json:
    fields = ("city", "country", "line1", "line2", "postal_code", "state")
    nobody: Json = {"email": None, "name": None, "phone": None, "tax_id": None}
    return {"address": {name: method.address.get(name) for name in fields}} | nobody | method.contact
