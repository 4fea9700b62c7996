"""The charges and payment methods of PaymentIntents: both can only be read."""

from malipo_simulators.kit.shapes import Json
from malipo_simulators.stripe.errors import no_such
from malipo_simulators.stripe.http.request import StripeRequest
from malipo_simulators.stripe.objects.expand import read_expand
from malipo_simulators.stripe.objects.render import render_charge, render_method


def retrieve(request: StripeRequest) -> Json:
    """Answers GET /v1/charges/{id}."""
    found = request.account.charges.get(request.item_id)
    params = request.params()
    expand = read_expand(params.strings("expand"))
    params.finish()
    return render_charge(found, expand)


def retrieve_method(request: StripeRequest) -> Json:
    """Answers GET /v1/payment_methods/{id}."""
    found = request.account.methods.get(request.item_id)
    if found is None:
        raise no_such("PaymentMethod", request.item_id, param="payment_method")
    return render_method(found)
