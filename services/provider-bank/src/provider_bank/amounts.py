"""Money as the bank writes it: decimal strings with two decimals. Pure, and without a float."""

import re

from malipo.money import EXPONENTS, Money

_VALUE = re.compile(r"(?P<sign>-?)(?P<whole>\d{1,15})\.(?P<fraction>\d{2})", re.ASCII)
_DECIMALS = 2


def written(money: Money) -> str:
    """The amount as a request carries it, as `1234.50`. Raises `ValueError` for a currency that has no two decimals."""
    if EXPONENTS[money.currency] != _DECIMALS:
        msg = f"the bank cannot be told of {money}"
        raise ValueError(msg)
    whole, fraction = divmod(money.amount_minor, 10**_DECIMALS)
    return f"{whole}.{fraction:02d}"


def read(amount: str, currency: str) -> Money:
    """The amount in our minor units, exactly. Raises `ValueError` for what is none."""
    if EXPONENTS.get(currency) != _DECIMALS:
        raise ValueError("not a currency with two decimals")
    return Money(minor(amount), currency)


def minor(amount: str) -> int:
    """A balance in cents, which may be below zero. Raises `ValueError`."""
    found = _VALUE.fullmatch(amount)
    if found is None:
        raise ValueError("no amount")
    return int(found["sign"] + found["whole"] + found["fraction"])
