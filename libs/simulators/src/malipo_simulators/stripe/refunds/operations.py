"""The /v1/refunds operations: what each accepts, refuses and answers."""

from malipo_simulators.kit.shapes import Json
from malipo_simulators.stripe.errors import missing, no_such, refused_state
from malipo_simulators.stripe.http.params import Params
from malipo_simulators.stripe.http.reads import listed, shown
from malipo_simulators.stripe.http.request import StripeRequest
from malipo_simulators.stripe.objects.expand import read_expand
from malipo_simulators.stripe.objects.lists import ObjectList
from malipo_simulators.stripe.objects.metadata import merge_metadata
from malipo_simulators.stripe.objects.models import Charge, Refund
from malipo_simulators.stripe.objects.render import render
from malipo_simulators.stripe.refunds import lifecycle

REASONS = ("duplicate", "fraudulent", "requested_by_customer")


def create(request: StripeRequest) -> Json:
    """POST /v1/refunds: all that is left of a charge, or a part; never more than was captured."""
    params = request.params()
    intent_id, charge_id = params.text("payment_intent"), params.text("charge")
    amount, reason = params.positive("amount"), params.choice("reason", REASONS)
    metadata = params.new_metadata()
    expand = read_expand(params.strings("expand"))
    params.finish()
    charge = find_charge(request, intent_id, charge_id)
    refund = lifecycle.make(request.change, charge, amount, reason=reason, metadata=metadata)
    return render(refund, expand)


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


def update(request: StripeRequest) -> Json:
    """POST /v1/refunds/{id}: its metadata alone can be changed."""
    refund = request.account.refunds.get(request.item_id)
    params = request.params()
    metadata, expand = params.metadata(), read_expand(params.strings("expand"))
    params.finish()
    before = render(refund)
    merge_metadata(refund.metadata, metadata)
    request.change.emit_if_changed("refund.updated", refund, before)
    return render(refund, expand)


def cancel(request: StripeRequest) -> Json:
    """POST /v1/refunds/{id}/cancel: only one that waits for its customer can be, and no card's refund does."""
    refund = request.account.refunds.get(request.item_id)
    params = request.params()
    params.strings("expand")
    params.finish()
    raise refused_state(
        f"You cannot cancel this refund because it has a status of {refund.status}. "
        "Only a refund with the status requires_action can be canceled."
    )


def retrieve(request: StripeRequest) -> Json:
    """Answers GET /v1/refunds/{id}."""
    return shown(request, request.account.refunds.get(request.item_id))


def listing(request: StripeRequest) -> Json:
    """GET /v1/refunds: newest first, all of them or those of one payment."""
    params = request.params()
    return listed(request, params, read_source(request, params))


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
