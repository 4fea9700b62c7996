"""Customers as JSON."""

from malipo_simulators.kit.shapes import Json
from malipo_simulators.stripe.objects.customers import Customer
from malipo_simulators.stripe.objects.expand import NOTHING, Expand
from malipo_simulators.stripe.objects.render.dispatch import reference, render


@render.register
def render_customer(customer: Customer, expand: Expand = NOTHING) -> Json:
    """Of a deleted one only that it was there."""
    if customer.deleted:
        return {"id": customer.id, "object": "customer", "deleted": True}
    default = next((method for method in customer.methods if method.id == customer.default_method), None)
    below = expand.wants("invoice_settings") or NOTHING
    rendered: Json = {
        "id": customer.id,
        "object": "customer",
        "address": None,
        "balance": 0,
        "created": customer.created,
        "currency": None,
        "customer_account": None,
        "default_source": None,
        "delinquent": False,
        "description": None,
        "discount": None,
        "email": None,
        "invoice_prefix": customer.invoice_prefix,
        "invoice_settings": {
            "custom_fields": None,
            "default_payment_method": reference(below, "default_payment_method", default),
            "footer": None,
            "rendering_options": None,
        },
        "livemode": False,
        "metadata": dict(customer.metadata),
        "name": None,
        "next_invoice_sequence": 1,
        "phone": None,
        "preferred_locales": [],
        "shipping": None,
        "tax_exempt": "none",
        "test_clock": None,
    }
    return rendered | customer.details
