"""What Stripe and the card's network say of charging a declined card again. Pure. Facts: docs.stripe.com/declines/card."""

from malipo.contracts.retry import Advice, RetryAdvice
from provider_stripe.objects import Failure
from provider_stripe.saving import WANTS_CUSTOMER
from provider_stripe.standing import token

_BY_STRIPE: dict[str, Advice] = {
    "try_again_later": "try_again_later",
    "confirm_card_data": "check_details",
    "do_not_try_again": "do_not_try_again",
}
"""Stripe's `advice_code`."""

_HOUR, _DAY = 3600, 86_400
_WAITS = {
    "24": _HOUR,
    "25": _DAY,
    "26": 2 * _DAY,
    "27": 4 * _DAY,
    "28": 6 * _DAY,
    "29": 8 * _DAY,
    "30": 10 * _DAY,
}
"""Mastercard's advice codes that name a time, as Stripe hands them on in `network_advice_code`. The others say no more than Stripe's."""


def retry_advice(failure: Failure) -> RetryAdvice | None:
    """Whether the card may be charged again; None where nothing is said of that."""
    network = token(failure.network_advice_code)
    waits = _WAITS.get(network or "")
    advice = _advice(failure, waits)
    told = RetryAdvice(
        advice=advice,
        after_seconds=waits if advice == "try_again_later" else None,
        network_decline_code=token(failure.network_decline_code),
        network_advice_code=network,
    )
    return None if told == RetryAdvice() else told


def _advice(failure: Failure, waits: int | None) -> Advice | None:
    """Stripe's own word first. A decline that wants the customer has none, and nor has a network that names a time needed one."""
    known = _BY_STRIPE.get(failure.advice_code or "")
    if known is None and WANTS_CUSTOMER in (failure.code, failure.decline_code):
        return "ask_customer"
    return known or ("try_again_later" if waits else None)
