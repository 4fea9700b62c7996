"""M-Pesa's names of prompts, which today end with the customer's number: they are kept and told without it. Pure."""

import re

from malipo.contracts.descriptor import Method
from malipo.contracts.providers.mpesa import MpesaMethod

_WITH_NUMBER = re.compile(r"(ws_CO_[0-9]{14,20})([17][0-9]{8})")
_CUT = "~phone"
_SEPARATORS = re.compile("[ ()+-]")
_DIGITS = re.compile("[0-9*]+")
_LOCAL_DIGITS = 9


def phone_fits_mask(told: str, mask: str) -> bool:
    """Whether a phone number may be the one behind a mask. Of either some digits may be hidden; those that are not must agree.

    What is no number, as the hash that Safaricom shows elsewhere, says nothing.
    """
    number = _SEPARATORS.sub("", told)
    if not _DIGITS.fullmatch(number):
        return True
    if number.startswith("0") or len(number) == _LOCAL_DIGITS:
        number = f"254{number.removeprefix('0')}"
    if len(number) != len(mask):
        return "*" in number
    return all("*" in pair or pair[0] == pair[1] for pair in zip(number, mask, strict=True))


def kept(checkout: str, mask: str | None) -> str:
    """A `CheckoutRequestID` without the number of its customer, of whom a mask is known, or None: then what looks like one is cut."""
    found = _WITH_NUMBER.fullmatch(checkout)
    if found is None or (mask is not None and is_of_another(checkout, mask)):
        return checkout
    return f"{found[1]}{_CUT}"


def is_of_another(checkout: str, mask: str) -> bool:
    """Whether the name of a prompt ends with a number, and not with the one behind this mask."""
    found = _WITH_NUMBER.fullmatch(checkout)
    return found is not None and not phone_fits_mask(f"254{found[2]}", mask)


def whole(name: str, method: Method | None) -> str | None:
    """The `CheckoutRequestID` that was kept as `name`; None where its customer's number would be needed, and is erased."""
    if not name.endswith(_CUT):
        return name
    return f"{name.removesuffix(_CUT)}{method.phone[3:]}" if isinstance(method, MpesaMethod) else None
