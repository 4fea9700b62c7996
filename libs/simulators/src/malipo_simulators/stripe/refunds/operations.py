"""The /v1/refunds operations: what each accepts, refuses and answers."""

from malipo_simulators.kit.shapes import Json
from malipo_simulators.stripe.errors import missing, no_such, refused_state
from malipo_simulators.stripe.http.params import Params
from malipo_simulators.stripe.http.request import StripeRequest
from malipo_simulators.stripe.objects.expand import read_expand
from malipo_simulators.stripe.objects.lists import ObjectList
from malipo_simulators.stripe.objects.models import Charge, Refund
from malipo_simulators.stripe.objects.render import render_list, render_refund
from malipo_simulators.stripe.refunds import lifecycle

REASONS = ("duplicate", "fraudulent", "requested_by_customer")


def create(request: StripeRequest) -> Json:
    """POST /v1/refunds: all that is left of a charge, or a part; never more than was captured."""
    params = request.params()
    intent_id, charge_id = params.text("payment_intent"), params.text("charge")
    amount, reason = params.positive("amount"), params.choice("reason", REASONS)
    metadata = {key: value for key, value in params.metadata().items() if value}
    expand = read_expand(params.strings("expand"))
    params.finish()
    charge = find_charge(request, intent_id, charge_id)
    refund = lifecycle.make(request.change, charge, amount, reason=reason, metadata=metadata)
    return render_refund(refund, expand)


def find_charge(request: StripeRequest, intent_id: str | None, charge_id: str | None) -> Charge:
    if charge_id is not None:
        charge = request.account.charges.find(charge_id)
        if charge is None:
            raise no_such("charge", charge_id, param="charge")
        return charge
    if intent_id is None:
        raise missing("payment_intent")
    intent = request.account.intents.find(intent_id)
    if intent is None:
        raise no_such("payment_intent", intent_id, param="payment_intent")
    if intent.charge is None:
        raise refused_state(f"PaymentIntent {intent_id} has no successful charge to refund.")
    return intent.charge


def retrieve(request: StripeRequest) -> Json:
    """Answers GET /v1/refunds/{id}."""
    refund = request.account.refunds.get(request.item_id)
    params = request.params()
    expand = read_expand(params.strings("expand"))
    params.finish()
    return render_refund(refund, expand)


def listing(request: StripeRequest) -> Json:
    """GET /v1/refunds: newest first, all of them or those of one payment."""
    params = request.params()
    page, expand = params.page(), read_expand(params.strings("expand"), listing=True)
    source = read_source(request, params)
    params.finish()
    found, has_more = source.page(page)
    return render_list([render_refund(refund, expand) for refund in found], "/v1/refunds", has_more=has_more)


def read_source(request: StripeRequest, params: Params) -> ObjectList[Refund]:
    """The refunds of one payment are few and known to it, so no list of all is searched for them."""
    intent_id, charge_id = params.text("payment_intent"), params.text("charge")
    if intent_id is None and charge_id is None:
        return request.account.refunds
    charge = request.account.charges.find(charge_id) if charge_id else None
    intent = charge.intent if charge else request.account.intents.find(intent_id or "")
    chosen = ObjectList[Refund]("refund")
    for refund in intent.refunds if intent else ():
        if charge_id in (None, refund.charge.id) and intent_id in (None, refund.charge.intent.id):
            chosen.append(refund)
    return chosen
