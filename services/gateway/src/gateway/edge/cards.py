"""Finds card numbers in what merchants send, so that they are refused before anything keeps or logs them."""

from collections.abc import Container, Iterable, Mapping
from typing import Any, cast
from urllib.parse import unquote_plus

from redaction import cards

EXPOSED = "card numbers are refused: send a token from the provider's browser library; treat the number as exposed"
_NUMBER_FIELDS = frozenset({"number", "card_number", "pan"})
_ENCODINGS = 3  # a URL within a URL is encoded twice, and that one's query once more


def find_card_number(
    value: object, place: tuple[str, ...] = (), *, but: Container[tuple[str, ...]] = ()
) -> tuple[str, ...] | None:
    """Where in `value`, JSON at `place`, the first field is that is meant for a card number, or whose name or text holds
    one, whatever stands around its digits; none of the places `but`, where another number is meant.
    """
    if place in but:
        return None
    for part, inner in _parts_of(value):
        inside = (*place, part)
        named = cards.holds(part) or (part in _NUMBER_FIELDS and inside not in but)
        found = inside if named else find_card_number(inner, inside, but=but)
        if found is not None:
            return found
    return place if isinstance(value, str | int) and cards.holds(str(value)) else None


def mentions_card_number(text: str) -> bool:
    """Whether a merchant's free text, such as a description, holds a card number that stands alone."""
    return bool(cards.find(text))


def leads_to_card_number(url: str) -> bool:
    """Whether a URL holds one in its path or query, percent-encoded or not."""
    for _ in range(_ENCODINGS):
        if mentions_card_number(url):
            return True
        url = unquote_plus(url)
    return mentions_card_number(url)


def _parts_of(value: object) -> Iterable[tuple[str, object]]:
    if isinstance(value, Mapping):
        return [(str(name), inner) for name, inner in cast("Mapping[Any, Any]", value).items()]
    if isinstance(value, list):
        return [(str(place), inner) for place, inner in enumerate(cast("list[Any]", value))]
    return ()
