"""The operations of /v1/disputes and /v1/radar/early_fraud_warnings."""

from malipo_simulators.kit.shapes import Json
from malipo_simulators.stripe.disputes import lifecycle
from malipo_simulators.stripe.errors import invalid, refused_state
from malipo_simulators.stripe.http.params import Params
from malipo_simulators.stripe.http.reads import listed, shown
from malipo_simulators.stripe.http.request import StripeRequest
from malipo_simulators.stripe.objects.expand import read_expand
from malipo_simulators.stripe.objects.models import Dispute, EarlyFraudWarning
from malipo_simulators.stripe.objects.render import render
from malipo_simulators.stripe.objects.render.disputes import EVIDENCE

MAX_EVIDENCE = 150_000
MAX_TEXT = 20_000


def retrieve(request: StripeRequest) -> Json:
    """Answers GET /v1/disputes/{id}."""
    return shown(request, request.account.disputes.get(request.item_id, "dispute"))


def listing(request: StripeRequest) -> Json:
    """GET /v1/disputes: newest first, all of them or those of one payment."""
    params = request.params()
    charge, intent = params.text("charge"), params.text("payment_intent")
    return listed(request, params, request.account.disputes, lambda one: is_about(one, charge, intent))


def is_about(one: Dispute | EarlyFraudWarning, charge: str | None, intent: str | None) -> bool:
    return charge in (None, one.charge.id) and intent in (None, one.charge.intent.id)


def update(request: StripeRequest) -> Json:
    """POST /v1/disputes/{id}: evidence, shown to the bank unless `submit=false`; and metadata."""
    dispute = request.account.disputes.get(request.item_id, "dispute")
    params = request.params()
    evidence, metadata = read_evidence(params.group("evidence")), params.metadata()
    submit, expand = params.flag("submit"), read_expand(params.strings("expand"))
    params.finish()
    lifecycle.answer(request.change, dispute, evidence, metadata, submit=submit is not False)
    return render(dispute, expand)


def read_evidence(params: Params) -> dict[str, str]:
    given = {name: value for name in EVIDENCE if (value := params.settable(name, max_length=MAX_TEXT)) is not None}
    params.finish()
    if sum(map(len, given.values())) > MAX_EVIDENCE:
        raise invalid(f"The combined length of evidence must be at most {MAX_EVIDENCE} characters.", param="evidence")
    return given


def close(request: StripeRequest) -> Json:
    """POST /v1/disputes/{id}/close: the merchant gives in. It cannot be undone."""
    dispute = request.account.disputes.get(request.item_id, "dispute")
    params = request.params()
    expand = read_expand(params.strings("expand"))
    params.finish()
    if not lifecycle.close_dispute(request.change, dispute, "lost"):
        raise refused_state(f"This dispute is already closed: its status is {dispute.status}.")
    return render(dispute, expand)


def retrieve_warning(request: StripeRequest) -> Json:
    """Answers GET /v1/radar/early_fraud_warnings/{id}."""
    return shown(request, request.account.warnings.get(request.item_id, "early_fraud_warning"))


def list_warnings(request: StripeRequest) -> Json:
    """GET /v1/radar/early_fraud_warnings: newest first, all of them or those of one payment."""
    params = request.params()
    charge, intent = params.text("charge"), params.text("payment_intent")
    return listed(request, params, request.account.warnings, lambda one: is_about(one, charge, intent))
