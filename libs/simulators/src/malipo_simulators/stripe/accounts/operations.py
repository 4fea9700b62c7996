"""The operations of /v1/balance, /v1/balance_transactions and /v1/account."""

from malipo_simulators.kit.shapes import Json
from malipo_simulators.stripe.http.reads import listed, shown
from malipo_simulators.stripe.http.request import StripeRequest
from malipo_simulators.stripe.objects.ledger import Movement


def balance(request: StripeRequest) -> Json:
    """GET /v1/balance: what can be paid out, and what will be."""
    params = request.params()
    params.strings("expand")
    params.finish()
    return {
        "object": "balance",
        "available": lines(request.account.balance(available=True)),
        "livemode": False,
        "pending": lines(request.account.balance(available=False)),
        "refund_and_dispute_prefunding": {"available": [], "pending": []},
    }


def lines(sums: dict[str, int]) -> list[Json]:
    return [
        {"amount": amount, "currency": currency, "source_types": {"card": amount}} for currency, amount in sums.items()
    ]


def retrieve_transaction(request: StripeRequest) -> Json:
    """Answers GET /v1/balance_transactions/{id}."""
    return shown(request, request.account.transactions.get(request.item_id))


def list_transactions(request: StripeRequest) -> Json:
    """GET /v1/balance_transactions: newest first; by type, currency, what moved it, or the automatic payout that carried it."""
    params = request.params()
    kind, currency = params.choice("type", tuple(Movement)), params.text("currency")
    source, payout = params.text("source"), params.text("payout")
    return listed(
        request,
        params,
        request.account.transactions,
        lambda one: (
            kind in (None, one.kind)
            and currency in (None, one.currency)
            and source in (None, one.source.id)
            and payout in (None, one.payout.id if one.payout else None)
        ),
    )


def account(request: StripeRequest) -> Json:
    """GET /v1/account: the account that this key belongs to."""
    params = request.params()
    params.strings("expand")
    params.finish()
    return {
        "id": request.account.id,
        "object": "account",
        "charges_enabled": True,
        "country": "US",
        "created": request.account.created,
        "default_currency": "usd",
        "details_submitted": True,
        "metadata": {},
        "payouts_enabled": True,
        "type": "standard",
    }
