"""The partner bank's JSON as far as it is read: payments, events, lists and statements. Pure.

Source: the contract, docs/providers/bank.md, and the OpenAPI document of its simulator.
"""

import re
from dataclasses import dataclass
from typing import Literal

import msgspec

from provider_kit.reading import Reader

PAYMENT, CLEARING, ASKED = "payment", "clearing", "return_request"
"""What the bank's ids of a payment and of a return request, and the rail's own reference, are called among an attempt's
references.
"""

PAYMENTS_PATH = "/v1/payments"
KEYS_PATH = "/.well-known/jwks.json"
STATEMENTS_PATH = "/v1/statements"

_ID = re.compile(r"[A-Za-z0-9._-]{1,100}", re.ASCII)
_POINTER = re.compile(r"[A-Za-z0-9_/]{1,100}", re.ASCII)
_WORD = re.compile(r"[A-Za-z0-9_.-]{1,64}", re.ASCII)

Status = Literal["initiated", "held", "processing", "completed", "returned", "rejected", "canceled", "unknown"]
MOVED: frozenset[str] = frozenset({"completed", "returned"})
"""The statuses of a payment whose money has left the account, though it may have come back."""
BEFORE: frozenset[str] = frozenset({"initiated", "held", "processing", "unknown", "rejected", "canceled"})
"""Those of one whose money has not, or not yet."""


@dataclass(frozen=True, slots=True)
class BankResponse:
    """A response that came whole, whatever it means."""

    status: int
    body: bytes
    retry_after_seconds: float | None = None


class FieldProblem(msgspec.Struct, frozen=True):
    """What is wrong with a field: a JSON pointer into the body, or a parameter's name."""

    field: str
    code: str

    def __str__(self) -> str:
        return f"{self.field} {self.code}" if _POINTER.fullmatch(self.field) and is_word(self.code) else "a field"


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """A refusal (RFC 9457), by its `code`. Its texts may quote the request, and are read nowhere."""

    type: str
    title: str
    status: int
    code: str
    errors: list[FieldProblem] = []

    def __post_init__(self) -> None:
        if not is_word(self.code):
            raise ValueError("no code of a problem")


class AccessToken(msgspec.Struct, frozen=True):
    """A response of the token's address."""

    access_token: str
    expires_in: float


class Reason(msgspec.Struct, frozen=True, kw_only=True):
    """Why a payment is as it is: a code of ISO 20022 or of the rail. The bank's own text beside it is not read."""

    code: str


class Return(msgspec.Struct, frozen=True, kw_only=True):
    """That the money came back, and why."""

    code: str
    amount: str | None = None


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """That the other bank was asked to give the money back: `pending`, `accepted` or `refused`, and `answer` is why then."""

    id: str
    status: str
    answer: Reason | None = None

    def __post_init__(self) -> None:
        if not is_id(self.id):
            raise ValueError("no id of a return request")


class Payment(msgspec.Struct, frozen=True, kw_only=True):
    """A payment as the bank shows it, as far as anything follows from it. `status` may be one that this contract does not have."""

    id: str
    end_to_end_id: str
    status: str
    amount: str
    currency: str
    debtor_account_id: str
    status_reason: Reason | None = None
    clearing_ref: str | None = None
    execution_at: str | None = None
    returned: Return | None = None
    return_request: Asked | None = None
    created_at: str = ""
    updated_at: str = ""
    version: int = 0

    def __post_init__(self) -> None:
        if not is_id(self.id):
            raise ValueError("no id of a payment")

    @property
    def answers_request(self) -> bool:
        """Whether it shows what became of a return request: the other bank has answered, or the money is back."""
        asked = self.return_request
        return asked is not None and (asked.status != "pending" or self.status == "returned")


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """A page of payments: without `next_cursor` it is the last one."""

    data: list[Payment]
    next_cursor: str | None = None


class Rows(msgspec.Struct, frozen=True, kw_only=True):
    """The same page, whose rows are read one by one."""

    data: list[msgspec.Raw]
    next_cursor: str | None = None


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """What a webhook carries: `type` is `payment.` and the status, or `payment.return_request.accepted` or `.refused`."""

    id: str
    type: str
    data: msgspec.Raw
    created_at: str = ""


class Debited(msgspec.Struct, frozen=True, kw_only=True):
    """Of a payment: which account it is of. Read before anything is believed."""

    debtor_account_id: str


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """A booked entry of a day. Its text may be about a person, and is read nowhere."""

    id: str
    booked_at: str
    direction: Literal["debit", "credit"]
    amount: str
    currency: str
    kind: str
    end_to_end_id: str | None = None
    payment_id: str | None = None

    def __post_init__(self) -> None:
        if not is_id(self.id):
            raise ValueError("no id of an entry")


class Statement(msgspec.Struct, frozen=True, kw_only=True):
    """The account's day: what was booked, and what it held before and after."""

    opening_balance: str
    closing_balance: str
    entries: list[Entry]
    debtor_account_id: str = ""


class KeySet(msgspec.Struct, frozen=True, kw_only=True):
    """The bank's public keys (RFC 7517)."""

    keys: list[object]


PROBLEMS = Reader[Problem](Problem)
ACCESS_TOKENS = Reader[AccessToken](AccessToken)
PAYMENTS = Reader[Payment](Payment)
PAGES = Reader[Page](Page)
ROWS = Reader[Rows](Rows)
EVENTS = Reader[Event](Event)
DEBITED = Reader[Debited](Debited)
STATEMENTS = Reader[Statement](Statement)
KEY_SETS = Reader[KeySet](KeySet)


def is_id(text: str) -> bool:
    """Whether it may be an id of the bank's: it is put into paths and kept as a reference."""
    return _ID.fullmatch(text) is not None


def is_word(text: str) -> bool:
    """Whether it may be a code or a status of the bank's: it is shown and logged."""
    return _WORD.fullmatch(text) is not None
