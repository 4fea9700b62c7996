"""What no log line may show: secrets by name or shape, card numbers, phone numbers. Pure."""

import re
from collections.abc import Callable
from typing import Any, cast

from redaction import cards

HIDDEN = "[redacted]"

_SECRET_NAMES = re.compile(
    r"secret|token|password|authorization|api[_-]?key|key_ring|ciphertext|cookie|signature|msisdn|phone|card_?number",
    re.IGNORECASE,
)
_OURS = re.compile(r".*_id|timestamp|level|service|_.*")
"""Fields that only our own code fills, with ids and times that must stay readable; and what never becomes a line."""

_SECRETS = re.compile(
    r"""
      \b(?:sk|rk|pk|mk)_\w{4,}            # API keys: Stripe's and ours
    | \bwhsec_[\w+/=-]+                   # signing secrets of webhooks
    | \b(?:pm|tok)_\w+                    # what a card is paid with
    | \b(?:pi|seti)_\w+_secret_\w+        # Stripe's client secrets
    | \b(?:[Bb]earer|[Bb]asic)\s+[\w.~+/=-]{8,}  # Authorization
    | (?<=://)[^/\s:@]*:[^/\s@]+(?=@)     # user and password of a URL
    | (?<![\w+/])[A-Za-z0-9+/]{43}=       # 32 bytes in base64: a key
    | (?<![\w.])\+\d(?:[ ()-]{0,2}\d){7,14}(?!\w)  # phone numbers as written: +254 712 345 678
    | (?<![\w.])(?:254|0)[ -]?[17]\d{2}[ -]?\d{3}[ -]?\d{3}(?!\w)  # and as M-Pesa and its customers write them
    | (?<=DETAIL:[ ]{2})[^\n]*             # what PostgreSQL quotes of a row
    """,
    re.VERBOSE,
)
_SHORTEST_CHARS = 8  # no secret, card or phone number is shorter
_SMALLEST_NUMBER = 10**8


def clean(name: str, value: Any) -> Any:
    """`value` as a log line may show it under `name`; lists and objects are cleaned within."""
    return rule(name)(value)


def rule(name: str) -> Callable[[Any], Any]:
    """How a log line shows a value under this name."""
    if _OURS.fullmatch(name):
        return _as_it_is
    return _hidden if _SECRET_NAMES.search(name) else _without_secrets


def _as_it_is(value: Any) -> Any:
    return value


def _hidden(value: Any) -> Any:
    return value if value is None or isinstance(value, bool | float) else HIDDEN


def _without_secrets(value: Any) -> Any:
    match value:
        case None | bool() | float():
            return value
        case str():
            return cleaned(value)
        case int():
            return _clean_number(value)
        case dict():
            inner = cast("dict[Any, Any]", value)
            return {cleaned(str(key)): clean(str(key), one) for key, one in inner.items()}
        case list() | tuple():
            return [_without_secrets(one) for one in cast("list[Any]", value)]
        case _:
            return cleaned(repr(value))  # as the JSON renderer would write it


def cleaned(text: str) -> str:
    """The text without what looks like a secret, a card number or a phone number."""
    if len(text) < _SHORTEST_CHARS:
        return text
    return cards.hide(_SECRETS.sub(HIDDEN, text), HIDDEN)


def _clean_number(number: int) -> int | str:
    if number < _SMALLEST_NUMBER or cleaned(str(number)) == str(number):
        return number
    return HIDDEN
