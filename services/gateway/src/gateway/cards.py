"""Recognises card numbers, so that they are refused before anything sees them."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, cast

_SEPARATORS = re.compile(r"[ .\-\u00a0]")
_CARD_DIGITS = re.compile(r"(?<!\d)\d{13,19}(?!\d)")
# In words: a number that stands alone and begins as a card of the great schemes does. An order's number may pass the
# check sum by chance, and a UUID may hold digits enough: neither is a card.
_CARD_IN_WORDS = re.compile(r"(?<![\w.-])(?:[3-6]|2[2-7])(?:[ .\-\u00a0]?\d){12,18}(?![\w-])")
_NUMBER_FIELDS = frozenset({"number", "card_number", "pan"})


def find_card_number(value: object, place: tuple[str, ...] = ()) -> tuple[str, ...] | None:
    """Where in `value`, a piece of JSON at `place`, the first field is that is meant for a card number or holds digits
    that pass for one.
    """
    for part, inner in _parts_of(value):
        inside = (*place, part)
        found = inside if part in _NUMBER_FIELDS else find_card_number(inner, inside)
        if found is not None:
            return found
    return place if isinstance(value, str | int) and _holds_card_digits(str(value)) else None


def mentions_card_number(text: str) -> bool:
    """Whether words of a merchant's own, such as a description, hold a card number."""
    return any(_luhn(_SEPARATORS.sub("", found)) for found in _CARD_IN_WORDS.findall(text))


def _parts_of(value: object) -> Iterable[tuple[str, object]]:
    if isinstance(value, Mapping):
        return [(str(name), inner) for name, inner in cast("Mapping[Any, Any]", value).items()]
    if isinstance(value, list):
        return [(str(place), inner) for place, inner in enumerate(cast("list[Any]", value))]
    return ()


def _holds_card_digits(text: str) -> bool:
    return any(_luhn(digits) for digits in _CARD_DIGITS.findall(_SEPARATORS.sub("", text)))


def _luhn(digits: str) -> bool:
    doubled = (int(digit) * (2 if position % 2 else 1) for position, digit in enumerate(reversed(digits)))
    return sum(number // 10 + number % 10 for number in doubled) % 10 == 0
