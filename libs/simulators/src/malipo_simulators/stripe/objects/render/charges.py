"""Charges as JSON."""

from malipo_simulators.kit.shapes import Json
from malipo_simulators.stripe.objects.cards import Risk
from malipo_simulators.stripe.objects.declines import Decline
from malipo_simulators.stripe.objects.descriptors import calculated
from malipo_simulators.stripe.objects.expand import NOTHING, Expand
from malipo_simulators.stripe.objects.models import Charge
from malipo_simulators.stripe.objects.render.dispatch import reference, render, render_list
from malipo_simulators.stripe.objects.render.methods import render_billing, render_plain_card

SECONDS_TO_CAPTURE = 7 * 86_400


@render.register
def render_charge(charge: Charge, expand: Expand = NOTHING) -> Json:
    intent, decline = charge.intent, charge.decline
    back = charge.amount_refunded + charge.released
    rendered: Json = {
        "id": charge.id,
        "object": "charge",
        "amount": charge.amount,
        "amount_captured": charge.amount_captured,
        "amount_refunded": back,
        "application": None,
        "application_fee": None,
        "application_fee_amount": None,
        "balance_transaction": reference(expand, "balance_transaction", charge.transaction),
        "billing_details": render_billing(charge.payment_method),
        "calculated_statement_descriptor": calculated(intent.options.statement_descriptor_suffix),
        "captured": charge.captured,
        "created": charge.created,
        "currency": intent.currency,
        "customer": reference(expand, "customer", intent.customer),
        "description": charge.own_description or intent.options.description,
        "disputed": bool(charge.disputes),
        "failure_balance_transaction": None,
        "failure_code": decline.code if decline else None,
        "failure_message": decline.message if decline else None,
        "fraud_details": render_fraud(charge),
        "livemode": False,
        "metadata": dict(charge.metadata),
        "on_behalf_of": None,
        "outcome": render_outcome(charge),
        "paid": decline is None,
        "payment_intent": reference(expand, "payment_intent", intent),
        "payment_method": charge.payment_method.id,
        "payment_method_details": {"type": "card", "card": render_charged_card(charge)},
        "presentment_details": None,
        "radar_options": {},
        "receipt_email": charge.own_receipt_email or intent.options.receipt_email,
        "receipt_number": None,
        "receipt_url": None,
        "refunded": back == charge.amount,
        "review": None,
        "shipping": None,
        "source": None,
        "source_transfer": None,
        "statement_descriptor": None,
        "statement_descriptor_suffix": intent.options.statement_descriptor_suffix,
        "status": "failed" if decline else "succeeded",
        "transfer_data": None,
        "transfer_group": None,
    }
    if (below := expand.wants("refunds")) is not None:
        refunds = [render(refund, below) for refund in intent.refunds[::-1] if refund.charge is charge]
        rendered["refunds"] = render_list(refunds, f"/v1/charges/{charge.id}/refunds")
    return rendered


def render_charged_card(charge: Charge) -> Json:
    """The card as it was charged. An authorization tells until when it can be captured."""
    declined, waits = charge.decline is not None, not charge.captured and charge.decline is None
    card = charge.payment_method.card
    rendered = render_plain_card(charge.payment_method) | {
        "amount_authorized": None if declined else charge.amount,
        "authorization_code": None if declined else charge.id[-6:].upper(),
        "extended_authorization": {"status": "disabled"},
        "incremental_authorization": {"status": "unavailable"},
        "installments": None,
        "mandate": None,
        "multicapture": {"status": "unavailable"},
        "network": card.brand,
        "network_token": {"used": False},
        "network_transaction_id": None if declined else charge.id[-15:],
        "overcapture": {"maximum_amount_capturable": charge.amount, "status": "unavailable"},
        "transaction_link_id": None,
        "three_d_secure": render_authentication() if charge.authenticated else None,
    }
    return rendered | ({"capture_before": charge.created + SECONDS_TO_CAPTURE} if waits else {})


def render_authentication() -> Json:
    """What 3DS has shown: here every customer who is asked goes through the challenge."""
    return {
        "authentication_flow": "challenge",
        "electronic_commerce_indicator": "05",
        "exemption_indicator": None,
        "result": "authenticated",
        "result_reason": None,
        "transaction_id": None,
        "version": "2.2.0",
    }


def render_fraud(charge: Charge) -> Json:
    return {"user_report": charge.user_report} if charge.user_report else {}


def render_outcome(charge: Charge) -> Json:
    decline, risk = charge.decline, charge.payment_method.card.risk
    blocked = decline is not None and decline.blocked
    return {
        "advice_code": decline.advice if decline else None,
        "network_advice_code": decline.network_advice if decline else None,
        "network_decline_code": decline.network_code if decline else None,
        "network_status": network_status(decline),
        "reason": outcome_reason(decline, risk),
        "risk_level": risk,
        "risk_score": risk.score,
        "seller_message": seller_message(decline),
        "type": "blocked" if blocked else "issuer_declined" if decline else "authorized",
    }


def network_status(decline: Decline | None) -> str:
    if decline is None:
        return "approved_by_network"
    return "not_sent_to_network" if decline.blocked else "declined_by_network"


def outcome_reason(decline: Decline | None, risk: Risk) -> str | None:
    if decline is None:
        return "elevated_risk_level" if risk is Risk.ELEVATED else None
    return "highest_risk_level" if decline.blocked else decline.reason or decline.code


def seller_message(decline: Decline | None) -> str:
    if decline is None:
        return "Payment complete."
    if decline.blocked:
        return "Stripe blocked this payment as too risky."
    if decline.reason == "generic_decline":
        return "The bank did not return any further details with this decline."
    return f"The bank returned the decline code `{decline.reason or decline.code}`."
