"""What names a charge, what confirms it, and what others have opened: ids that are derived, and read nowhere else; how ids begin."""

import base64
import hashlib
import re
from datetime import datetime
from typing import Literal

from malipo import ids
from malipo.contracts.events import OperationKind

_CHARGE = re.compile(r".+\.(?P<attempt>\d+)(?:\.c\d+)?")


Prefix = Literal["cap", "can", "ref", "ret", "dis", "efw", "det"]
PREFIXES: dict[OperationKind, Prefix] = {
    "capture": "cap",
    "cancel": "can",
    "refund": "ref",
    "return_request": "ret",
    "dispute": "dis",
    "fraud_warning": "efw",
    "detach": "det",
}
"""How the ids of a payment's operations begin, by what these are."""


def charge_id(payment_id: str, attempt: int) -> str:
    """The operation id of a payment's charge: another attempt, as at another provider, is another operation."""
    return f"{payment_id}.{attempt}"


def confirm_id(charge: str, number: int) -> str:
    """The operation id of the `number`th time that this charge is confirmed, counting from 1."""
    return f"{charge}.c{number}"


def attempt_of(operation_id: str) -> int:
    """The attempt that a charge or a confirm belongs to. Raises `ValueError` for the id of anything else."""
    return int(_read(operation_id)["attempt"])


def opened_id(prefix: Prefix | Literal["pay", "sus"], at: datetime, owner: str, provider: str, reference: str) -> str:
    """The id of what somebody else opened: the same for every report of the provider's `reference`, dated `at`.

    `owner` is the payment of a refund or dispute, and of money the account (`account_name`): a reference is unique within an account
    at the most, and nobody may take the id of another's.
    """
    return ids.derived(prefix, at, f"{owner}/{provider}/{reference}")


def account_name(merchant_id: str, mode: str, label: str) -> str:
    """What tells the account of a merchant at a provider from all others: no secret."""
    return f"{merchant_id}/{mode}/{label}"


def saved_id(payment_id: str) -> str:
    """The id of the method that this payment has saved: a payment saves one, however often that is reported."""
    return ids.derived("pm", ids.made_at(payment_id), payment_id)


def short_name(operation_id: str, characters: int) -> str:
    """A name of the operation in `A-Z` and `2-7`, for a provider that takes no whole id: the same for ever.

    12 characters hold 60 bits: among a million of one account the odds of a name that comes twice are one in two million.
    """
    return base64.b32encode(hashlib.sha256(operation_id.encode()).digest()).decode()[:characters]


def _read(operation_id: str) -> re.Match[str]:
    match = _CHARGE.fullmatch(operation_id)
    if match is None:
        msg = f"no charge: {operation_id!r}"
        raise ValueError(msg)
    return match
