"""Reads the fields of a body. Daraja takes numbers also as text, and says of anything wrong "Invalid", with the name."""

import re
from collections.abc import Collection
from dataclasses import dataclass

from malipo_simulators.kit.shapes import Json
from malipo_simulators.kit.urls import read_url
from malipo_simulators.mpesa.errors import BAD_REQUEST, DarajaError, invalid
from malipo_simulators.mpesa.state.shortcodes import SHORTCODE

PHONE = re.compile(r"254[71][0-9]{8}")
RECEIPT = re.compile(r"[A-Z0-9]{10}")
LONGEST_ID = 100
HIGHEST_AMOUNT = 250_000
MOST_DIGITS = 12
FORBIDDEN_WORDS = ("mpesa", "m-pesa", "safaricom", "exe", "cmd", "sql", "query")
TESTERS = ("ngrok", "mockbin", "requestbin", "requestb.in")
HERE = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class Fields:
    """Each method raises a Bad Request that names the field; `code` is this product's for it."""

    given: Json
    code: str = BAD_REQUEST

    def text(self, name: str, *, longest: int | None = None, shape: re.Pattern[str] | None = None) -> str:
        """Not empty; a number is taken as its digits."""
        value = self._written(name)
        if not value or (longest is not None and len(value) > longest):
            raise self.refused(name)
        if shape is not None and not shape.fullmatch(value):
            raise self.refused(name)
        return value

    def optional(self, name: str, *, longest: int) -> str:
        """Missing, null and empty are the same."""
        return self.text(name, longest=longest) if self.given.get(name) not in (None, "") else ""

    def choice(self, name: str, choices: Collection[str]) -> str:
        value = self._written(name)
        if value not in choices:
            raise self.refused(name)
        return value

    def shortcode(self, name: str) -> str:
        return self.text(name, shape=SHORTCODE)

    def phone(self, name: str) -> str:
        return self.text(name, shape=PHONE)

    def amount(self, name: str = "Amount", *, highest: int = HIGHEST_AMOUNT) -> int:
        """Whole shillings, from 1."""
        value = read_amount(self._written(name))
        if value is None or not 1 <= value <= highest:
            raise self.refused(name)
        return value

    def url(self, name: str, *, strict: bool, words_forbidden: bool) -> str:
        """`strict` is production: https, no address of this machine, none of the well-known testers.

        `words_forbidden`: Daraja's list of words that a URL must not contain anywhere, in any case.
        """
        value = self.text(name, longest=2_000)
        parts = read_url(value)
        if parts is None or parts.scheme not in ("http", "https") or not parts.hostname or not value.isascii():
            raise self.refused(name)
        lowered, host = value.lower(), parts.hostname.lower()
        if words_forbidden and any(word in lowered for word in FORBIDDEN_WORDS):
            raise self.refused(name)
        if strict and (parts.scheme != "https" or host in HERE or any(word in host for word in TESTERS)):
            raise self.refused(name)
        return value

    def refused(self, name: str) -> DarajaError:
        """To raise for a field that is not as it should be, or does not go with the others."""
        return invalid(name, self.code)

    def _written(self, name: str) -> str:
        """The value as text. Lists, objects, booleans and fractions are of the wrong kind, and so is what cannot be shown."""
        value = self.given.get(name)
        if isinstance(value, str) and value.isprintable():
            return value.strip()
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
        raise self.refused(name)


def read_amount(value: object) -> int | None:
    """Plain digits, and no more of them than any amount has."""
    text = str(value)
    return int(text) if text.isascii() and text.isdigit() and len(text) <= MOST_DIGITS else None
