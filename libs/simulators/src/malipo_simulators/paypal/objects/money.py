"""Money: PayPal's currencies, decimal strings on the wire, and whole minor units within."""

from dataclasses import dataclass
from decimal import Decimal

from malipo_simulators.kit.shapes import Json

CURRENCIES = frozenset(
    [
        "AUD",
        "BRL",
        "CAD",
        "CNY",
        "CZK",
        "DKK",
        "EUR",
        "HKD",
        "HUF",
        "ILS",
        "JPY",
        "MYR",
        "MXN",
        "TWD",
        "NZD",
        "NOK",
        "PHP",
        "PLN",
        "GBP",
        "SGD",
        "SEK",
        "CHF",
        "THB",
        "USD",
    ]
)
WITHOUT_DECIMALS = frozenset({"HUF", "JPY", "TWD"})
MOST = Decimal("999999999999999.99")


class BadAmount(Exception):
    """The issue is its only argument, as in DECIMAL_PRECISION."""

    def __init__(self, issue: str) -> None:
        super().__init__(issue)
        self.issue = issue


@dataclass(frozen=True, slots=True, order=True)
class Money:
    """`minor` is in the smallest unit that PayPal takes: cents of USD, but whole HUF, JPY and TWD."""

    minor: int
    currency: str

    @property
    def value(self) -> str:
        """As on the wire."""
        if self.currency in WITHOUT_DECIMALS:
            return str(self.minor)
        sign, digits = ("-" if self.minor < 0 else ""), str(abs(self.minor)).rjust(3, "0")
        return f"{sign}{digits[:-2]}.{digits[-2:]}"

    def as_json(self) -> Json:
        return {"currency_code": self.currency, "value": self.value}

    def __add__(self, other: "Money") -> "Money":
        assert self.currency == other.currency
        return Money(self.minor + other.minor, self.currency)

    def __sub__(self, other: "Money") -> "Money":
        assert self.currency == other.currency
        return Money(self.minor - other.minor, self.currency)


def zero(currency: str) -> Money:
    return Money(0, currency)


def total(amounts: list[Money], currency: str) -> Money:
    return Money(sum(one.minor for one in amounts), currency)


def parse(currency: str, value: str) -> Money:
    """A value that has the documented pattern. Raise BadAmount for what PayPal does not take of this currency."""
    if currency not in CURRENCIES:
        raise BadAmount("INVALID_CURRENCY_CODE")
    _, _, decimals = value.partition(".")
    if currency in WITHOUT_DECIMALS and "." in value:
        raise BadAmount("DECIMALS_NOT_SUPPORTED")
    if len(decimals) > 2:
        raise BadAmount("DECIMAL_PRECISION")
    number = Decimal(value)
    if abs(number) > MOST:
        raise BadAmount("MAX_VALUE_EXCEEDED")
    return Money(int(number if currency in WITHOUT_DECIMALS else number * 100), currency)


def fee_of(amount: Money, basis_points: int, fixed_minor: int) -> Money:
    """What PayPal keeps of a payment: never more than all of it."""
    fee = (amount.minor * basis_points + 5_000) // 10_000 + fixed_minor
    return Money(min(fee, amount.minor), amount.currency)
