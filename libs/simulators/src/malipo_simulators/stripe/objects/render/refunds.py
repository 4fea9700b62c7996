"""Refunds as JSON."""

from malipo_simulators.kit.shapes import Json
from malipo_simulators.stripe.objects.expand import NOTHING, Expand
from malipo_simulators.stripe.objects.models import Refund, RefundStatus
from malipo_simulators.stripe.objects.render.dispatch import reference, render


@render.register
def render_refund(refund: Refund, expand: Expand = NOTHING) -> Json:
    intent = refund.charge.intent
    rendered: Json = {
        "id": refund.id,
        "object": "refund",
        "amount": refund.amount,
        "balance_transaction": reference(expand, "balance_transaction", refund.transaction),
        "charge": reference(expand, "charge", refund.charge),
        "created": refund.created,
        "currency": intent.currency,
        "customer": reference(expand, "customer", intent.customer),
        "customer_account": None,
        "destination_details": {
            "type": "card",
            "card": {"type": "refund", "reference_status": "pending", "reference_type": "acquirer_reference_number"},
        },
        "metadata": dict(refund.metadata),
        "payment_intent": reference(expand, "payment_intent", intent),
        "payment_method": reference(expand, "payment_method", refund.charge.payment_method),
        "reason": refund.reason,
        "receipt_number": None,
        "source_transfer_reversal": None,
        "status": refund.status,
        "transfer_reversal": None,
    }
    if refund.failure_reason:
        rendered["failure_reason"] = refund.failure_reason
        rendered["failure_balance_transaction"] = reference(
            expand, "failure_balance_transaction", refund.failure_transaction
        )
    if refund.status is RefundStatus.PENDING:
        rendered["pending_reason"] = "processing"
    return rendered
