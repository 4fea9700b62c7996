"""Shillings as Daraja writes them into what it posts: 1.00, a number that json itself has no way to write."""

import re

from malipo_simulators.kit.api.answers import encode
from malipo_simulators.kit.shapes import Json

# A control character marks what becomes a number: no field of a request may have one, so it cannot come from outside.
MARK = "\x01"
MARKED = re.compile(rb'"\\u0001(-?[0-9]+\.00)"')


def written(shillings: int) -> str:
    """Stands for the amount until `encode_money` writes it."""
    return f"{MARK}{shillings}.00"


def encode_money(body: Json) -> bytes:
    """The body as JSON, its written amounts as numbers with two decimals."""
    return MARKED.sub(rb"\1", encode(body))
