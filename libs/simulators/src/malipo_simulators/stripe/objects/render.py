"""Renders objects in the JSON shapes of the real API."""

from malipo_simulators.kit.shapes import Json
from malipo_simulators.stripe.errors import DOC_URL
from malipo_simulators.stripe.objects.expand import NOTHING, Expand
from malipo_simulators.stripe.objects.models import (
    Action,
    Charge,
    Dispute,
    DisputeStatus,
    Failure,
    PaymentIntent,
    PaymentMethod,
    Refund,
    RefundStatus,
)

SECONDS_TO_ANSWER = 7 * 86_400


def render_payment_intent(intent: PaymentIntent, expand: Expand = NOTHING) -> Json:
    options = intent.options
    return {
        "id": intent.id,
        "object": "payment_intent",
        "allowed_payment_method_types": options.allowed_payment_method_types,
        "amount": intent.amount,
        "amount_capturable": intent.amount_capturable,
        "amount_details": {"tip": {}},
        "amount_received": intent.amount_received,
        "application": None,
        "application_fee_amount": None,
        "automatic_payment_methods": render_automatic(intent),
        "canceled_at": intent.canceled_at,
        "cancellation_reason": intent.cancellation_reason,
        "capture_method": intent.capture_method,
        "client_secret": intent.client_secret,
        "confirmation_method": options.confirmation_method,
        "created": intent.created,
        "currency": intent.currency,
        "customer": None,
        "description": options.description,
        "last_payment_error": render_failure(intent.failure) if intent.failure else None,
        "latest_charge": latest_charge(intent, expand),
        "livemode": False,
        "metadata": dict(intent.metadata),
        "next_action": render_action(intent.action) if intent.action else None,
        "on_behalf_of": None,
        "payment_method": intent_method(intent, expand),
        "payment_method_options": {"card": {"request_three_d_secure": "automatic"}},
        "payment_method_types": ["card"],
        "processing": None,
        "receipt_email": options.receipt_email,
        "review": None,
        "setup_future_usage": None,
        "shipping": None,
        "source": None,
        "statement_descriptor": options.statement_descriptor,
        "statement_descriptor_suffix": options.statement_descriptor_suffix,
        "status": intent.status,
        "transfer_data": None,
        "transfer_group": None,
    }


def render_automatic(intent: PaymentIntent) -> Json | None:
    if not intent.options.automatic_payment_methods:
        return None
    return {"enabled": True, "allow_redirects": "always" if intent.options.allow_redirects else "never"}


def latest_charge(intent: PaymentIntent, expand: Expand) -> Json | str | None:
    if intent.charge is None:
        return None
    below = expand.wants("latest_charge")
    return render_charge(intent.charge, below) if below else intent.charge.id


def intent_method(intent: PaymentIntent, expand: Expand) -> Json | str | None:
    if intent.payment_method is None:
        return None
    return render_method(intent.payment_method) if expand.wants("payment_method") else intent.payment_method.id


def render_action(action: Action) -> Json:
    if action.for_stripe_sdk:
        return {
            "type": "use_stripe_sdk",
            "use_stripe_sdk": {"type": "three_d_secure_redirect", "stripe_js": action.url},
        }
    return {
        "type": "redirect_to_url",
        "redirect_to_url": {"url": action.url, "return_url": action.return_url},
    }


def render_failure(failure: Failure) -> Json:
    decline = failure.decline
    body: Json = {
        "code": decline.code,
        "doc_url": DOC_URL + decline.code.replace("_", "-"),
        "message": decline.message,
        "payment_method": render_method(failure.payment_method),
        "type": "card_error" if decline.reason else "invalid_request_error",
    }
    if decline.reason:
        body["decline_code"] = decline.reason
    if failure.charge:
        body["charge"] = failure.charge
    return body


def render_method(method: PaymentMethod) -> Json:
    return {
        "id": method.id,
        "object": "payment_method",
        "billing_details": render_billing(),
        "card": render_card(method),
        "created": method.created,
        "customer": None,
        "livemode": False,
        "metadata": {},
        "type": "card",
    }


def render_card(method: PaymentMethod) -> Json:
    return {
        "brand": method.card.brand,
        "checks": {"address_line1_check": None, "address_postal_code_check": None, "cvc_check": "pass"},
        "country": "US",
        "exp_month": 12,
        "exp_year": 2034,
        "fingerprint": f"sim{method.card.brand}{method.card.last4}",
        "funding": "credit",
        "last4": method.card.last4,
        "network_token": None,
        "wallet": None,
    }


def render_billing() -> Json:
    fields = ("city", "country", "line1", "line2", "postal_code", "state")
    return {"address": dict.fromkeys(fields), "email": None, "name": None, "phone": None, "tax_id": None}


def render_charge(charge: Charge, expand: Expand = NOTHING) -> Json:
    intent, decline = charge.intent, charge.decline
    owner = expand.wants("payment_intent")
    rendered: Json = {
        "id": charge.id,
        "object": "charge",
        "amount": charge.amount,
        "amount_captured": charge.amount_captured,
        "amount_refunded": charge.amount_refunded + charge.released,
        "application": None,
        "application_fee": None,
        "application_fee_amount": None,
        "balance_transaction": charge.balance_transaction,
        "billing_details": render_billing(),
        "calculated_statement_descriptor": "MALIPO SIMULATOR",
        "captured": charge.captured,
        "created": charge.created,
        "currency": intent.currency,
        "customer": None,
        "description": intent.options.description,
        "disputed": charge.dispute is not None,
        "failure_balance_transaction": None,
        "failure_code": decline.code if decline else None,
        "failure_message": decline.message if decline else None,
        "fraud_details": {},
        "livemode": False,
        "metadata": dict(intent.metadata),
        "on_behalf_of": None,
        "outcome": render_outcome(charge),
        "paid": decline is None,
        "payment_intent": render_payment_intent(intent, owner) if owner else intent.id,
        "payment_method": charge.payment_method.id,
        "payment_method_details": {"type": "card", "card": render_card(charge.payment_method)},
        "receipt_email": intent.options.receipt_email,
        "receipt_number": None,
        "receipt_url": None,
        "refunded": charge.amount_refunded + charge.released == charge.amount,
        "review": None,
        "shipping": None,
        "source": None,
        "source_transfer": None,
        "statement_descriptor": intent.options.statement_descriptor,
        "statement_descriptor_suffix": intent.options.statement_descriptor_suffix,
        "status": "failed" if decline else "succeeded",
        "transfer_data": None,
        "transfer_group": None,
    }
    if expand.wants("refunds"):
        rendered["refunds"] = render_list([render_refund(refund) for refund in intent.refunds[::-1]], "/v1/refunds")
    return rendered


def render_outcome(charge: Charge) -> Json:
    decline = charge.decline
    return {
        "advice_code": None,
        "network_advice_code": None,
        "network_decline_code": None,
        "network_status": "declined_by_network" if decline else "approved_by_network",
        "reason": decline.reason if decline else None,
        "risk_level": "normal",
        "risk_score": 20,
        "seller_message": "The bank declined the payment." if decline else "Payment complete.",
        "type": "issuer_declined" if decline else "authorized",
    }


def render_refund(refund: Refund, expand: Expand = NOTHING) -> Json:
    intent = refund.charge.intent
    charge, owner = expand.wants("charge"), expand.wants("payment_intent")
    rendered: Json = {
        "id": refund.id,
        "object": "refund",
        "amount": refund.amount,
        "balance_transaction": refund.balance_transaction,
        "charge": render_charge(refund.charge, charge) if charge else refund.charge.id,
        "created": refund.created,
        "currency": intent.currency,
        "destination_details": {"type": "card", "card": {"type": "refund", "reference_status": "pending"}},
        "metadata": dict(refund.metadata),
        "payment_intent": render_payment_intent(intent, owner) if owner else intent.id,
        "reason": refund.reason,
        "receipt_number": None,
        "source_transfer_reversal": None,
        "status": refund.status,
        "transfer_reversal": None,
    }
    if refund.failure_reason:
        rendered["failure_reason"] = refund.failure_reason
        rendered["failure_balance_transaction"] = refund.failure_balance_transaction
    if refund.status is RefundStatus.PENDING:
        rendered["pending_reason"] = "processing"
    return rendered


def render_dispute(dispute: Dispute) -> Json:
    intent, is_open = dispute.charge.intent, dispute.status is DisputeStatus.NEEDS_RESPONSE
    return {
        "id": dispute.id,
        "object": "dispute",
        "amount": dispute.amount,
        "balance_transactions": [],
        "charge": dispute.charge.id,
        "created": dispute.created,
        "currency": intent.currency,
        "enhanced_eligibility_types": [],
        "evidence": {},
        "evidence_details": {
            "due_by": dispute.created + SECONDS_TO_ANSWER if is_open else None,
            "enhanced_eligibility": {},
            "has_evidence": False,
            "past_due": False,
            "submission_count": 0,
        },
        "is_charge_refundable": False,
        "livemode": False,
        "metadata": {},
        "network_reason_code": None,
        "payment_intent": intent.id,
        "reason": dispute.reason,
        "status": dispute.status,
    }


def render_list(data: list[Json], url: str, *, has_more: bool = False) -> Json:
    return {"object": "list", "data": data, "has_more": has_more, "url": url}
