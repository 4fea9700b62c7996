"""Pull Transactions as M-Pesa shows them, in all the shapes that have been seen. Pure."""

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import msgspec

from malipo.contracts.providers.mpesa import international, masked_phone
from provider_kit.errors import Misconfigured, NotSent
from provider_kit.provider import ParsedCallback, ReceivedMoney, Unmatched
from provider_kit.statement import Stretch
from provider_mpesa.mapping import RECEIPT
from provider_mpesa.objects import (
    LIST,
    Fields,
    MpesaResponse,
    as_purpose,
    field_of,
    fields_of,
    is_id,
    looks_like_a_phone,
    money_of,
)
from provider_mpesa.times import readings

NAMELESS_WAITS = timedelta(minutes=10)
"""How old money without a reference has to be before it is told: its prompt's own callback may say first whose it is."""

_OK = 200
_READ, _NONE = "1000", "1001"
_NO_SHORT_CODE = "400.001"
_NOTHING_THERE = "does not have any available transactions"
_EMPTY = (b"[[]]", b'"[[]]"')
"""The whole answer that Daraja's page has for code 1001; others have seen it under `Transaction`."""
_DEPTH = 4  # lists in a list, in a text: `"[[]]"`
_SLACK = timedelta(minutes=5)  # of M-Pesa's clock and the database's
_GIVEN_BACK = re.compile("revers", re.IGNORECASE)
_ABSENT = b"null"


@dataclass(frozen=True, slots=True)
class Page:
    """One answer: what names each of its rows, and what they report, but for those that are too young to be told."""

    names: Sequence[str]
    reports: Sequence[ParsedCallback]


def read_page(response: MpesaResponse, stretch: Stretch) -> Page:
    """The page in an answer. Raises `NotSent` for one that is none, and `Misconfigured` where there is no such statement."""
    try:
        rows = list(_rows_of(response))
    except (ValueError, RecursionError):  # msgspec's errors are `ValueError`s, too
        raise NotSent("M-Pesa's statement cannot be read") from None
    names = [_name_of(row) for row in rows]
    reports = [_report(name, row, stretch) for name, row in zip(names, rows, strict=True)]
    return Page(names, [one for one in reports if one is not None])


def _rows_of(response: MpesaResponse) -> Iterator[Fields]:
    """Raises `ValueError` for what is no statement."""
    if response.status == _OK and response.body.strip() in _EMPTY:
        return iter(())
    answer = fields_of(response.body)
    code = field_of(answer, "responsecode") or field_of(answer, "errorcode")
    if _NOTHING_THERE in field_of(answer, "errormessage"):  # with HTTP 500, although it is no outage
        return iter(())
    if code == _NO_SHORT_CODE:
        raise Misconfigured("M-Pesa shows no transactions of this short code: register it for Pull Transactions.")
    if response.status != _OK or code not in (_READ, _NONE):
        msg = f"M-Pesa shows no statement: {code if is_id(code) else f'http {response.status}'}"
        raise NotSent(msg)
    shown = [bytes(answer[name]) for name in ("response", "transaction") if name in answer]
    if not shown and code == _READ:
        raise ValueError
    return (row for raw in shown for row in _objects(raw))


def _objects(raw: bytes, depth: int = _DEPTH) -> Iterator[Fields]:
    """All objects in this JSON, in whatever lists and texts they are. Raises `ValueError` for anything else."""
    if depth == 0:
        raise ValueError
    match raw[:1]:
        case b"{":
            yield fields_of(raw)
        case b"[":
            for one in LIST.decode(raw):
                yield from _objects(bytes(one), depth - 1)
        case b'"':
            yield from _objects(msgspec.json.decode(raw, type=str).strip().encode() or _ABSENT, depth - 1)
        case _:
            if raw != _ABSENT:
                raise ValueError


def _report(name: str, row: Fields, stretch: Stretch) -> ParsedCallback | None:
    """What a row reports; None for one that comes again, and about which more may be known then."""
    receipt, amount = field_of(row, "transactionid"), money_of(field_of(row, "amount"))
    if not is_id(receipt) or amount is None or amount.amount_minor == 0:
        return ParsedCallback(name, unmatched=[Unmatched("statement.unreadable", {})])
    received_at = _time_of(row, stretch)
    if _GIVEN_BACK.search(
        field_of(row, "transactiontype")
    ):  # ours, whose result tells of it, or made in M-Pesa's portal
        reversal = Unmatched("statement.reversal", {RECEIPT: receipt}, amount, unless_ours=True)
        return None if _may_be_explained_yet(received_at, stretch) else ParsedCallback(name, unmatched=[reversal])
    purpose = as_purpose(field_of(row, "billreference"))
    is_a_phone = looks_like_a_phone(purpose)
    money = ReceivedMoney(
        reference=receipt,
        amount=amount,
        method="mpesa",
        received_at=received_at,
        account_reference=None if is_a_phone else purpose or None,
        description=f"for {masked_phone(international(purpose))}" if is_a_phone else "",
        role=RECEIPT,
    )
    waits = money.account_reference is None and _may_be_explained_yet(received_at, stretch)
    return None if waits else ParsedCallback(name, received=[money])


def _may_be_explained_yet(at: datetime, stretch: Stretch) -> bool:
    """Statements name what a till was paid, or was reversed, by the receipt alone, which a callback may be the first to tell."""
    return at >= stretch.again_from and at > stretch.until - NAMELESS_WAITS


def _time_of(row: Fields, stretch: Stretch) -> datetime:
    """When it was: what lies in the time that was asked for, else its beginning."""
    fitting = [
        one for one in readings(field_of(row, "trxdate")) if stretch.since - _SLACK <= one <= stretch.until + _SLACK
    ]
    return fitting[0].astimezone(UTC) if fitting else stretch.since


def _name_of(row: Fields) -> str:
    receipt = field_of(row, "transactionid")
    if is_id(receipt):
        return receipt
    written = sorted((name, bytes(value)) for name, value in row.items())
    return hashlib.sha256(repr(written).encode()).hexdigest()
