"""The /v1/balance and /v1/account operations."""

from malipo_simulators.kit.shapes import Json
from malipo_simulators.stripe.http.request import StripeRequest


def balance(request: StripeRequest) -> Json:
    """GET /v1/balance: the sum of captures and refunds, available at once; fees are not modelled."""
    request.params().finish()
    available = [
        {"amount": amount, "currency": currency, "source_types": {"card": amount}}
        for currency, amount in sorted(request.account.balance.items())
    ]
    pending = [{"amount": 0, "currency": line["currency"], "source_types": {"card": 0}} for line in available]
    return {"object": "balance", "available": available, "livemode": False, "pending": pending}


def account(request: StripeRequest) -> Json:
    """GET /v1/account: the account that this key belongs to."""
    request.params().finish()
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
