"""Movements of the balance and payouts as JSON."""

from malipo_simulators.kit.shapes import Json
from malipo_simulators.stripe.objects.expand import NOTHING, Expand
from malipo_simulators.stripe.objects.ledger import BalanceTransaction, Payout
from malipo_simulators.stripe.objects.render.dispatch import reference, render


@render.register
def render_transaction(one: BalanceTransaction, expand: Expand = NOTHING) -> Json:
    fee: Json = {
        "amount": one.fee,
        "application": None,
        "currency": one.currency,
        "description": one.fee_description,
        "type": "stripe_fee",
    }
    return {
        "id": one.id,
        "object": "balance_transaction",
        "amount": one.amount,
        "available_on": one.available_on,
        "balance_type": "payments",
        "created": one.created,
        "currency": one.currency,
        "description": one.description,
        "exchange_rate": None if one.exchange_rate is None else float(one.exchange_rate),
        "fee": one.fee,
        "fee_details": [fee] if one.fee else [],
        "net": one.net,
        "reporting_category": one.category,
        "source": reference(expand, "source", one.source),
        "status": "available" if one.is_available else "pending",
        "type": one.kind,
    }


@render.register
def render_payout(payout: Payout, expand: Expand = NOTHING) -> Json:
    """To a bank account that is not modelled."""
    return {
        "id": payout.id,
        "object": "payout",
        "amount": payout.amount,
        "application_fee": None,
        "application_fee_amount": None,
        "arrival_date": payout.arrival_date,
        "automatic": payout.automatic,
        "balance_transaction": reference(expand, "balance_transaction", payout.transaction),
        "created": payout.created,
        "currency": payout.currency,
        "description": payout.description,
        "destination": None,
        "failure_balance_transaction": reference(expand, "failure_balance_transaction", payout.failure_transaction),
        "failure_code": payout.failure_code,
        "failure_message": payout.failure_message,
        "livemode": False,
        "metadata": dict(payout.metadata),
        "method": "standard",
        "original_payout": None,
        "payout_method": None,
        "reconciliation_status": "completed" if payout.automatic else "not_applicable",
        "reversed_by": None,
        "source_type": "card",
        "statement_descriptor": payout.statement_descriptor,
        "status": payout.status,
        "trace_id": None,
        "type": "bank_account",
    }
