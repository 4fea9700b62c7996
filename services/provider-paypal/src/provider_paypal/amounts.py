"""Money as PayPal writes it: decimal strings, by PayPal's own table of decimals. Pure, and without a float."""

import re

import msgspec

from malipo.contracts.providers.paypal import DECIMALS
from malipo.money import EXPONENTS, Money
from provider_paypal.objects import Amount

_VALUE = re.compile(r"(?=.)(?P<whole>\d{0,18})(?:\.(?P<fraction>\d{1,13}))?", re.ASCII)
"""As Orders v2 has it (`money`), without a sign: `10`, `10.00`, `.50`."""


def written(money: Money) -> dict[str, str]:
    """The amount as requests carry it. Raises `ValueError` for one that PayPal cannot be told, as of a tenth of a forint."""
    decimals = DECIMALS.get(money.currency)
    step = 10 ** (EXPONENTS[money.currency] - (decimals or 0))
    if decimals is None or money.amount_minor % step:
        msg = f"PayPal cannot be told of {money}"
        raise ValueError(msg)
    whole, fraction = divmod(money.amount_minor // step, 10**decimals)
    value = f"{whole}.{fraction:0{decimals}d}" if decimals else str(whole)
    return {"currency_code": money.currency, "value": value}


def read(amount: Amount) -> Money:
    """The amount in our minor units, exactly. Raises `ValueError` for what is none, is negative, or has a smaller unit."""
    found = _VALUE.fullmatch(amount.value)
    exponent = EXPONENTS.get(amount.currency_code)
    if found is None or exponent is None:
        raise ValueError("no amount")
    fraction = (found["fraction"] or "").ljust(exponent, "0")
    if fraction[exponent:].strip("0"):
        raise ValueError("an amount in smaller units than there are")
    return Money(int(found["whole"] + fraction[:exponent] or "0"), amount.currency_code)


def read_any(amount: Amount | None) -> Money | None:
    """How much it is, whichever way it goes, as far as it can be told: None for what `read` refuses, as another currency."""
    if amount is None:
        return None
    try:
        return read(msgspec.structs.replace(amount, value=amount.value.removeprefix("-")))
    except ValueError:
        return None
