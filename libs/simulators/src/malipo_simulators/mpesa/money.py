"""Shillings as Daraja writes them: 1.00, as text or as a number, which json itself has no way to write."""

import re

from malipo_simulators.kit.api.answers import encode
from malipo_simulators.kit.shapes import Json

# A control character marks what becomes a number: no field of a request may have one, so it cannot come from outside.
MARK = "\x01"
MARKED = re.compile(rb'"\\u0001(-?[0-9]+\.00)"')


def as_text(shillings: int) -> str:
    return f"{shillings}.00"


def as_number(shillings: int) -> str:
    """Stands for the number until `encode_money` writes it."""
    return MARK + as_text(shillings)


def as_account(name: str, shillings: int) -> str:
    """An account with its currency: what it has, what is available of it, and what is reserved or uncleared (nothing)."""
    return "|".join((name, "KES", as_text(shillings), as_text(shillings), as_text(0), as_text(0)))


def encode_money(body: Json) -> bytes:
    """The body as JSON, what `as_number` has marked as numbers with two decimals."""
    return MARKED.sub(rb"\1", encode(body))
