"""What moves the balance of an account that is kept in another currency than the payment's."""

from dataclasses import replace
from decimal import Decimal

from malipo_simulators.stripe.state.moved import Moved

WORTH = {
    "usd": Decimal(1),
    "eur": Decimal("1.085"),
    "gbp": Decimal("1.27"),
    "jpy": Decimal("0.65"),
    "kes": Decimal("0.0077"),
}
"""What a smallest unit is worth in cents: made up. Of all other currencies it is a cent."""


def exchanged(moved: Moved, settles_in: str | None) -> Moved:
    """The movement in the currency that the account is kept in, at the rate of the day, which never changes."""
    if settles_in in (None, moved.currency):
        return moved
    rate = (WORTH.get(moved.currency, Decimal(1)) / WORTH.get(settles_in, Decimal(1))).quantize(Decimal("0.000001"))
    amount, fee = (int((minor * rate).to_integral_value()) for minor in (moved.amount, moved.fee))
    return replace(moved, amount=amount, fee=fee, currency=settles_in, rate=rate)
