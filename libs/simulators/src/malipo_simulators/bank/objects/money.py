"""Money in cents, and as the API writes it."""

import re

CURRENCY = "USD"
AMOUNT = re.compile(r"(0|[1-9][0-9]{0,9})[.]([0-9]{2})")


def parse(text: str) -> int | None:
    """Cents, of a decimal with two places; None for anything else."""
    found = AMOUNT.fullmatch(text)
    return int(found[1] + found[2]) if found else None


def written(minor: int) -> str:
    sign = "-" if minor < 0 else ""
    whole, cents = divmod(abs(minor), 100)
    return f"{sign}{whole}.{cents:02}"
