"""Recognises card numbers, so that they are refused before anything sees them."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, cast

_SEPARATORS = re.compile(r"[ .\-\u00a0]")
_CARD_DIGITS = re.compile(r"(?<!\d)\d{13,19}(?!\d)")
_NUMBER_FIELDS = frozenset({"number", "card_number", "pan"})


def has_card_number(value: object) -> bool:
    """Whether `value`, a piece of JSON, holds a field for a card number or digits that pass for one."""
    if isinstance(value, Mapping):
        entries = cast("Mapping[str, Any]", value)
        return any(key in _NUMBER_FIELDS or has_card_number(key) or has_card_number(entries[key]) for key in entries)
    if isinstance(value, str | int):
        return any(_luhn(digits) for digits in _CARD_DIGITS.findall(_SEPARATORS.sub("", str(value))))
    return isinstance(value, Sequence) and any(has_card_number(item) for item in cast("Sequence[Any]", value))


def _luhn(digits: str) -> bool:
    doubled = (int(digit) * (2 if position % 2 else 1) for position, digit in enumerate(reversed(digits)))
    return sum(number // 10 + number % 10 for number in doubled) % 10 == 0
