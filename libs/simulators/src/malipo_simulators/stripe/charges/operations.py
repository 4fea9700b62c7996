"""The /v1/charges operations: charges are made by PaymentIntents, and can be read, listed and annotated."""

from malipo_simulators.kit.shapes import Json
from malipo_simulators.stripe.http.reads import listed, shown
from malipo_simulators.stripe.http.request import StripeRequest
from malipo_simulators.stripe.objects.expand import read_expand
from malipo_simulators.stripe.objects.metadata import merge_metadata
from malipo_simulators.stripe.objects.render import render
from malipo_simulators.stripe.payment_methods.params import id_of


def retrieve(request: StripeRequest) -> Json:
    """Answers GET /v1/charges/{id}."""
    return shown(request, request.account.charges.get(request.item_id))


def listing(request: StripeRequest) -> Json:
    """GET /v1/charges: newest first, all of them or those of one PaymentIntent or customer."""
    params = request.params()
    intent, customer = params.text("payment_intent"), params.text("customer")
    return listed(
        request,
        params,
        request.account.charges,
        lambda one: intent in (None, one.intent.id) and customer in (None, id_of(one.intent.customer)),
    )


def update(request: StripeRequest) -> Json:
    """POST /v1/charges/{id}: metadata, description, receipt_email, and whether it was fraud."""
    charge = request.account.charges.get(request.item_id)
    params = request.params()
    metadata = params.metadata()
    description, receipt_email = params.text("description"), params.text("receipt_email")
    fraud = params.group("fraud_details")
    report = fraud.choice("user_report", ("fraudulent", "safe"))
    fraud.finish()
    expand = read_expand(params.strings("expand"))
    params.finish()
    before = render(charge)
    if metadata:
        charge.own_metadata = dict(charge.metadata)
        merge_metadata(charge.own_metadata, metadata)
    charge.own_description = description or charge.own_description
    charge.own_receipt_email = receipt_email or charge.own_receipt_email
    charge.user_report = report or charge.user_report
    request.change.emit_if_changed("charge.updated", charge, before)
    return render(charge, expand)
