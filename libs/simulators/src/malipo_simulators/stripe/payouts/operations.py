"""The /v1/payouts operations: what each accepts, refuses and answers."""

from malipo_simulators.kit.shapes import Json
from malipo_simulators.stripe.errors import missing, refused_state
from malipo_simulators.stripe.http.reads import listed, shown
from malipo_simulators.stripe.http.request import StripeRequest
from malipo_simulators.stripe.objects.expand import read_expand
from malipo_simulators.stripe.objects.ledger import PayoutStatus
from malipo_simulators.stripe.objects.metadata import merge_metadata
from malipo_simulators.stripe.objects.money import checked_currency
from malipo_simulators.stripe.objects.render import render
from malipo_simulators.stripe.payouts import lifecycle

MAX_DESCRIPTOR = 22


def create(request: StripeRequest) -> Json:
    """POST /v1/payouts: of what is available, to the one bank account that there is."""
    params = request.params()
    amount, currency = params.positive("amount"), checked_currency(params.required_text("currency"))
    metadata, description = params.new_metadata(), params.text("description")
    descriptor = params.text("statement_descriptor", max_length=MAX_DESCRIPTOR)
    params.choice("method", ("standard",))
    expand = read_expand(params.strings("expand"))
    params.finish()
    if amount is None:
        raise missing("amount")
    payout = lifecycle.new_payout(request.change, amount, currency)
    payout.metadata, payout.statement_descriptor = metadata, descriptor
    payout.description = description or payout.description
    return render(lifecycle.make(request.change, payout), expand)


def update(request: StripeRequest) -> Json:
    """POST /v1/payouts/{id}: its metadata alone can be changed."""
    payout = request.account.payouts.get(request.item_id)
    params = request.params()
    metadata, expand = params.metadata(), read_expand(params.strings("expand"))
    params.finish()
    before = render(payout)
    merge_metadata(payout.metadata, metadata)
    request.change.emit_if_changed("payout.updated", payout, before)
    return render(payout, expand)


def cancel(request: StripeRequest) -> Json:
    """POST /v1/payouts/{id}/cancel: one that was asked for and has not arrived."""
    payout = request.account.payouts.get(request.item_id)
    params = request.params()
    expand = read_expand(params.strings("expand"))
    params.finish()
    if payout.automatic or payout.status is not PayoutStatus.PENDING:
        raise refused_state("Payouts can be canceled only while they are pending, and never when they are automatic.")
    lifecycle.cancel(request.change, payout)
    return render(payout, expand)


def retrieve(request: StripeRequest) -> Json:
    """Answers GET /v1/payouts/{id}."""
    return shown(request, request.account.payouts.get(request.item_id))


def listing(request: StripeRequest) -> Json:
    """GET /v1/payouts: newest first, all of them or those of one status."""
    params = request.params()
    status = params.choice("status", tuple(PayoutStatus))
    return listed(request, params, request.account.payouts, lambda one: status in (None, one.status))
