"""Money: an integer number of minor units and a currency, never a float."""

import msgspec

MAX_AMOUNT_MINOR = 99_999_999_999
"""Above any single payment that a provider takes; keeps every sum inside 64 bits."""

EXPONENTS: dict[str, int] = {
    # ISO 4217 minor units. A currency that is not listed is refused, never assumed to have two decimals.
    **dict.fromkeys(("BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW"), 0),
    **dict.fromkeys(("PYG", "RWF", "VND", "VUV", "XAF", "XOF", "XPF"), 0),
    **dict.fromkeys(("AED", "AUD", "BRL", "CAD", "CHF", "CNY", "CZK", "DKK", "EUR", "GBP"), 2),
    **dict.fromkeys(("GHS", "HKD", "HUF", "IDR", "ILS", "INR", "KES", "MXN", "MYR", "NGN"), 2),
    **dict.fromkeys(("NOK", "NZD", "PHP", "PLN", "RON", "SEK", "SGD", "THB", "TRY", "TWD"), 2),
    **dict.fromkeys(("TZS", "USD", "ZAR"), 2),
    **dict.fromkeys(("BHD", "JOD", "KWD", "OMR", "TND"), 3),
}


class Money(msgspec.Struct, frozen=True, order=False):
    """An amount in the currency's minor unit (cents for USD, whole yen for JPY, thousandths for KWD).

    Raises `ValueError` for a currency that `EXPONENTS` does not list or an amount that is not a non-negative integer.
    """

    amount_minor: int
    currency: str

    def __post_init__(self) -> None:
        if self.currency not in EXPONENTS:
            msg = f"unknown currency {self.currency!r}"
            raise ValueError(msg)
        if type(self.amount_minor) is not int or not 0 <= self.amount_minor <= MAX_AMOUNT_MINOR:
            msg = f"amount_minor must be an integer from 0 to {MAX_AMOUNT_MINOR}"
            raise ValueError(msg)

    def __str__(self) -> str:
        return f"{self.amount_minor} (minor units of {self.currency})"
