"""Which amounts Stripe accepts in which currency. Amounts are integers in the unit each currency is charged in."""

from malipo_simulators.stripe.errors import StripeError, error_body, invalid

# Eight digits, and twelve in IDR (docs.stripe.com/currencies, "Minimum and maximum charge amounts").
MAX_AMOUNT = 99_999_999
MAX_AMOUNT_OF = {"idr": 999_999_999_999}

ZERO_DECIMAL = frozenset({
    "bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "vnd", "vuv", "xaf", "xof", "xpf",
})  # fmt: skip
# Charged in thousandths, but the last digit must be zero: networks settle hundredths.
THREE_DECIMAL = frozenset({"bhd", "jod", "kwd", "omr", "tnd"})
# Have no fraction any more, yet are still written with two decimals: only whole hundreds are accepted.
WHOLE_HUNDREDS = frozenset({"isk", "ugx"})
TWO_DECIMAL = frozenset({
    "aed", "afn", "all", "amd", "ang", "aoa", "ars", "aud", "awg", "azn", "bam", "bbd", "bdt", "bgn", "bmd", "bnd",
    "bob", "brl", "bsd", "bwp", "byn", "bzd", "cad", "cdf", "chf", "cny", "cop", "crc", "cve", "czk", "dkk", "dop",
    "dzd", "egp", "etb", "eur", "fjd", "fkp", "gbp", "gel", "gip", "gmd", "gtq", "gyd", "hkd", "hnl", "htg", "huf",
    "idr", "ils", "inr", "jmd", "kes", "kgs", "khr", "kyd", "kzt", "lak", "lbp", "lkr", "lrd", "lsl", "mad", "mdl",
    "mkd", "mmk", "mnt", "mop", "mur", "mvr", "mwk", "mxn", "myr", "mzn", "nad", "ngn", "nio", "nok", "npr", "nzd",
    "pab", "pen", "pgk", "php", "pkr", "pln", "qar", "ron", "rsd", "rub", "sar", "sbd", "scr", "sek", "sgd", "shp",
    "sle", "sos", "srd", "std", "szl", "thb", "tjs", "top", "try", "ttd", "twd", "tzs", "uah", "usd", "uyu", "uzs",
    "wst", "xcd", "yer", "zar", "zmw",
})  # fmt: skip
CURRENCIES = ZERO_DECIMAL | THREE_DECIMAL | WHOLE_HUNDREDS | TWO_DECIMAL

# Stripe's published minimum charges. Other currencies have a floor worth 0.50 USD on the real service, which depends
# on the day's rate; here they have none.
MINIMUM = {
    "aed": 200, "aud": 50, "bgn": 100, "brl": 50, "cad": 50, "chf": 50, "czk": 1500, "dkk": 250, "eur": 50, "gbp": 30,
    "hkd": 400, "huf": 17500, "inr": 50, "jpy": 50, "mxn": 1000, "myr": 200, "nok": 300, "nzd": 50, "pln": 200,
    "ron": 200, "sek": 300, "sgd": 50, "thb": 1000, "usd": 50,
}  # fmt: skip


def checked_currency(code: str) -> str:
    """The lower-case code, or 400 for one Stripe does not charge in."""
    currency = code.lower()
    if currency not in CURRENCIES:
        raise invalid(f"Invalid currency: {code}.", param="currency")
    return currency


def check_amount(amount: int, currency: str) -> None:
    """Stripe's bounds and the rules of currencies whose last digits carry no value."""
    most = MAX_AMOUNT_OF.get(currency, MAX_AMOUNT)
    if amount > most:
        message = f"Amount must be no more than {most} in the smallest unit of {currency}."
        raise amount_error("amount_too_large", message)
    if amount < MINIMUM.get(currency, 1):
        raise amount_error(
            "amount_too_small", f"Amount must be at least {MINIMUM[currency]} in the smallest unit of {currency}."
        )
    check_fraction(amount, currency)


def check_fraction(amount: int, currency: str) -> None:
    step = 10 if currency in THREE_DECIMAL else 100 if currency in WHOLE_HUNDREDS else 1
    if amount % step:
        message = f"Amounts in {currency} must be a multiple of {step}."
        raise amount_error("invalid_charge_amount_no_decimal_compatible", message)


def amount_error(code: str, message: str) -> StripeError:
    return StripeError(400, error_body("invalid_request_error", message, code, "amount"))
