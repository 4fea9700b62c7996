"""Disputes and early fraud warnings as JSON."""

from malipo_simulators.kit.shapes import Json
from malipo_simulators.stripe.objects.expand import NOTHING, Expand
from malipo_simulators.stripe.objects.models import Dispute, EarlyFraudWarning
from malipo_simulators.stripe.objects.render.dispatch import reference, render

EVIDENCE = (
    "access_activity_log", "billing_address", "cancellation_policy", "cancellation_policy_disclosure",
    "cancellation_rebuttal", "customer_communication", "customer_email_address", "customer_name",
    "customer_purchase_ip", "customer_signature", "duplicate_charge_documentation", "duplicate_charge_explanation",
    "duplicate_charge_id", "product_description", "receipt", "refund_policy", "refund_policy_disclosure",
    "refund_refusal_explanation", "service_date", "service_documentation", "shipping_address", "shipping_carrier",
    "shipping_date", "shipping_documentation", "shipping_tracking_number", "uncategorized_file", "uncategorized_text",
)  # fmt: skip
# What Visa calls the reasons; other networks have codes of their own, which are not modelled.
NETWORK_REASONS = {"fraudulent": "10.4", "product_not_received": "13.1", "duplicate": "12.6", "general": "10.4"}


@render.register
def render_dispute(dispute: Dispute, expand: Expand = NOTHING) -> Json:
    intent, status = dispute.charge.intent, dispute.status
    return {
        "id": dispute.id,
        "object": "dispute",
        "amount": dispute.amount,
        "balance_transactions": [render(one) for one in dispute.transactions],
        "charge": reference(expand, "charge", dispute.charge),
        "created": dispute.created,
        "currency": intent.currency,
        "enhanced_eligibility_types": [],
        "evidence": {name: dispute.evidence.get(name) for name in EVIDENCE} | {"enhanced_evidence": {}},
        "evidence_details": {
            "due_by": dispute.due_by if status.is_open else None,
            "enhanced_eligibility": {},
            "has_evidence": bool(dispute.evidence),
            "past_due": False,
            "submission_count": dispute.submissions,
            "submission_method": "manual" if dispute.submissions else "not_submitted",
        },
        "is_charge_refundable": status.is_inquiry and status.is_open,
        "livemode": False,
        "metadata": dict(dispute.metadata),
        "payment_intent": reference(expand, "payment_intent", intent),
        "payment_method_details": {"type": "card", "card": render_disputed_card(dispute)},
        "reason": dispute.reason,
        "status": status,
    }


def render_disputed_card(dispute: Dispute) -> Json:
    code = NETWORK_REASONS.get(dispute.reason)
    return {
        "brand": dispute.charge.payment_method.card.brand,
        "case_type": "inquiry" if dispute.status.is_inquiry else "chargeback",
        "network": dispute.charge.payment_method.card.brand,
        "network_reason_code": code.partition(".")[0] if code and dispute.status.is_inquiry else code,
    }


@render.register
def render_warning(warning: EarlyFraudWarning, expand: Expand = NOTHING) -> Json:
    """It can be acted upon while there is neither a dispute nor a full refund."""
    charge = warning.charge
    return {
        "id": warning.id,
        "object": "radar.early_fraud_warning",
        "actionable": not charge.disputes and charge.refundable > 0,
        "charge": reference(expand, "charge", charge),
        "created": warning.created,
        "fraud_type": warning.fraud_type,
        "livemode": False,
        "payment_intent": reference(expand, "payment_intent", charge.intent),
    }
