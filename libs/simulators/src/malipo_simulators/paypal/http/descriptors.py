"""What a soft descriptor may be made of: PayPal's schemas know its length alone, its pages the characters."""

import re

from malipo_simulators.paypal.http.request import PaypalRequest
from malipo_simulators.paypal.http.shapes import SYNTAX, Violation

CHARACTERS = re.compile(r"[A-Za-z0-9.* -]*")


def check_descriptor(request: PaypalRequest, given: object, at: str) -> None:
    """Raise the 400 of a text with other characters."""
    if isinstance(given, str) and CHARACTERS.fullmatch(given) is None:
        raise request.against_schema([Violation(SYNTAX, at, given)])
