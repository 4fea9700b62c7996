"""Rows of transaction search: what each says of an operation of ours that is not known here yet. Pure.

An account at PayPal belongs to other shops as well. What no operation of ours explains is passed over, and kept nowhere.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Literal

from provider_kit.attempt_rows import OriginalAttempt
from provider_kit.bodies import name_of_body
from provider_kit.credentials import Account
from provider_kit.errors import Misconfigured, NotSent
from provider_kit.matching import of_account
from provider_kit.provider import NamedOperation, ParsedCallback, Unmatched, kind_of
from provider_kit.reading import moment
from provider_paypal import amounts
from provider_paypal.mapping import issues_in, problem_in, refuse_unsent
from provider_paypal.objects import (
    ABOUT,
    CAPTURE,
    OPERATION,
    REFUND,
    STATEMENT_ENTRIES,
    STATEMENT_PAGES,
    TRANSACTION,
    PaypalResponse,
    StatementPage,
    StatementRow,
    is_id,
)
from provider_paypal.requests import is_charge, is_refund

PAGE_SIZE = 500
MOST_ROWS = 10_000
"""PayPal shows no more of one search, however it is paged (`RESULTSET_TOO_LARGE`)."""

_PAYMENT = "T00"
_REFUND_BY_MERCHANT = "T1107"
_FOR_A_PERSON = ("T11", "T12", "T15", "T21")
"""Reversals, adjustments such as chargebacks, holds, and reserves ("Transaction event codes")."""
_WITHOUT_MONEY = ("D", "V")
"""Statuses of what was denied, and of what was reversed ("Transaction status codes")."""
_OF_FEES = ("T1108", "T1109")
_TOO_MANY_ROWS = "RESULTSET_TOO_LARGE"
_CODE = re.compile(r"T\d{4}", re.ASCII)

type Passed = Literal["known", "others"]
"""Why a row says nothing new: it is known here, or it is none of this account's operations."""


class TooMany(NotSent):
    """More rows than PayPal shows of one search."""

    def __init__(self) -> None:
        super().__init__("more transactions than PayPal shows at once")


@dataclass(frozen=True, slots=True)
class Page:
    """One page: its rows, what could not be read of it, how many pages there are, and up to when all is shown, if PayPal says so."""

    rows: Sequence[StatementRow]
    unreadable: Sequence[ParsedCallback]
    pages: int
    known_until: datetime | None


@dataclass(frozen=True, slots=True)
class RefundElsewhere:
    """A refund of ours' capture that has no name of ours: PayPal is to be asked what it is."""


def query(since: datetime, until: datetime, page: int) -> Mapping[str, str]:
    """Asks for the rows of this time, without who has paid: also for what has moved no money, as a capture that was denied."""
    return {
        "start_date": _written(since),
        "end_date": _written(until),
        "fields": "transaction_info",
        "balance_affecting_records_only": "N",
        "page_size": str(PAGE_SIZE),
        "page": str(page),
    }


def _written(at: datetime) -> str:
    """A moment as requests carry it, to the second; `at` is in UTC."""
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def read_page(response: PaypalResponse) -> Page:
    """The page in an answer. Raises `TooMany`, `NotSent` for what is no page, and `Misconfigured` for an app without permission."""
    if response.status == HTTPStatus.FORBIDDEN and problem_in(response) is not None:
        raise Misconfigured("PayPal shows this app no transactions: switch Transaction search on in the app's page.")
    refuse_unsent(response)
    if response.status == HTTPStatus.BAD_REQUEST and _says_too_many(response):
        raise TooMany
    if response.status != HTTPStatus.OK:
        msg = f"PayPal shows no statement: http {response.status}"
        raise NotSent(msg)
    try:
        found = STATEMENT_PAGES.decode(response.body)
        rows, unreadable = _rows_of(found)
        return Page(rows, unreadable, _pages_of(found), moment(found.last_refreshed_datetime))
    except ValueError:
        raise NotSent("PayPal's statement cannot be read") from None


def names_in(rows: Iterable[StatementRow]) -> tuple[set[str], set[str]]:
    """The ids of operations, and of PayPal's, by which attempts are to be looked for."""
    operations, references = set[str](), set[str]()
    for row in rows:
        operations |= {row.custom_field} if is_charge(row.custom_field) or is_refund(row.custom_field) else set()
        references |= _ids(row) | ({row.invoice_id} if row.invoice_id else set())
    return operations, references


type Attempts = Mapping[str, Sequence[OriginalAttempt]]
"""Attempts by each id that they are known by, ours and PayPal's."""


def by_names(originals: Iterable[OriginalAttempt]) -> Attempts:
    """The attempts, by each of their ids."""
    found = defaultdict[str, list[OriginalAttempt]](list)
    for one in originals:
        for name in {one.operation.operation_id, *one.ids}:
            found[name].append(one)
    return found


def judged(row: StatementRow, attempts: Attempts, account: Account) -> ParsedCallback | RefundElsewhere | Passed:
    """What the row says, given the attempts that it names, of whichever account these are."""
    named = {one.operation.operation_id: one for name in _all_names(row) for one in attempts.get(name, ())}
    ours = of_account(named.values(), account)
    if named and not ours:
        return "others"  # the statement of that account shows it, too
    code = row.transaction_event_code
    if code.startswith(_PAYMENT):
        return _payment(row, ours)
    if code == _REFUND_BY_MERCHANT:
        return _refund(row, ours)
    return _for_a_person(row, ours) if code.startswith(_FOR_A_PERSON) and code not in _OF_FEES else "others"


def row_name(row: StatementRow) -> str:
    """What the row is known by: the same transaction comes again with another status, or as another kind of event."""
    code = row.transaction_event_code if _CODE.fullmatch(row.transaction_event_code) else "T"
    return f"{row.transaction_id}/{code}/{row.transaction_status[:1]}"


def _payment(row: StatementRow, ours: Sequence[OriginalAttempt]) -> ParsedCallback | Passed:
    """Money of a charge or of a capture. What it makes of them the order tells: it is asked for, unless that is known."""
    takers = [one for one in ours if kind_of(one.operation) in ("capture", "charge", "confirm")]
    if any(row.transaction_id in one.given and _is_end_known(row, one) for one in takers):
        return "known"
    if takers:
        operation = min(takers, key=lambda one: _nearness(row, one)).operation
        return _ask(row, NamedOperation(kind=kind_of(operation), operation_id=operation.operation_id))
    if is_charge(row.custom_field):  # and there is no such charge: somebody has to know
        return _ask(row, NamedOperation(kind="charge", operation_id=row.custom_field))
    return "others"


def _is_end_known(row: StatementRow, one: OriginalAttempt) -> bool:
    """Whether nothing is new in the row of what the operation has made: it succeeded, or has ended as the row says."""
    return one.success is not None or (one.ended and row.transaction_status in _WITHOUT_MONEY)


def _nearness(row: StatementRow, taker: OriginalAttempt) -> int:
    """The capture that the row's invoice is of comes first, and then the charge."""
    if row.invoice_id in taker.ids:
        return 0
    return 1 if kind_of(taker.operation) == "charge" else 2


def _refund(row: StatementRow, ours: Sequence[OriginalAttempt]) -> ParsedCallback | RefundElsewhere | Passed:
    refunds = [one for one in ours if _is_refund(one, row.transaction_id)]
    if any(_is_end_known(row, one) for one in refunds):
        return "known"
    if refunds:
        return _ask(row, NamedOperation(kind="refund", references={REFUND: row.transaction_id}))
    if is_refund(row.custom_field):
        return _ask(row, NamedOperation(kind="refund", operation_id=row.custom_field))
    return RefundElsewhere() if ours else "others"


def _for_a_person(row: StatementRow, ours: Sequence[OriginalAttempt]) -> ParsedCallback | Passed:
    """What PayPal takes, holds or gives back by itself. What befalls a refund of ours shows in the refund."""
    if not ours:
        return "others"
    about = row.paypal_reference_id or row.transaction_id
    if befallen := [one for one in ours if _is_refund(one, about)]:
        ask = _ask(row, NamedOperation(kind="refund", references={REFUND: about}))
        return "known" if all(one.ended for one in befallen) else ask
    takers = {name for one in ours for role, name in one.references if role == CAPTURE}
    known = {CAPTURE: about} if about in takers else {ABOUT: about}
    references = {TRANSACTION: row.transaction_id, **known}
    if is_charge(row.custom_field):
        references[OPERATION] = row.custom_field
    event = f"statement.{row.transaction_event_code}"
    return ParsedCallback(
        row_name(row), unmatched=(Unmatched(event, references, amounts.read_any(row.transaction_amount)),)
    )


def _is_refund(one: OriginalAttempt, refund_id: str) -> bool:
    """Whether it is the refund of this id; refunds are known by what they give back as well."""
    names = {one.reference, *(name for role, name in one.references if role == REFUND)}
    return kind_of(one.operation) == "refund" and refund_id in names


def _ask(row: StatementRow, operation: NamedOperation) -> ParsedCallback:
    return ParsedCallback(row_name(row), ask=(operation,))


def _all_names(row: StatementRow) -> set[str]:
    return _ids(row) | {name for name in (row.invoice_id, row.custom_field) if name}


def _ids(row: StatementRow) -> set[str]:
    other = row.paypal_reference_id
    return {row.transaction_id} | ({other} if other and is_id(other) else set())


def _rows_of(page: StatementPage) -> tuple[list[StatementRow], list[ParsedCallback]]:
    """Raises `ValueError` for a page that says of itself that it has more than it shows."""
    if not page.transaction_details and (page.total_items or page.total_items is None):
        raise ValueError
    rows, unreadable = list[StatementRow](), list[ParsedCallback]()
    for raw in page.transaction_details:
        try:
            rows.append(STATEMENT_ENTRIES.decode(raw).transaction_info)
        except ValueError:  # one that is like no other keeps the rest from nobody
            name = name_of_body(bytes(raw))
            unreadable.append(ParsedCallback(name, unmatched=(Unmatched("statement.unreadable", {}),)))
    return rows, unreadable


def _pages_of(page: StatementPage) -> int:
    """How many there are. Raises `ValueError` for a page that does not say it: more might follow."""
    if page.total_pages is not None:
        return page.total_pages
    if page.total_items is None:
        raise ValueError
    return -(-page.total_items // PAGE_SIZE)


def _says_too_many(response: PaypalResponse) -> bool:
    problem = problem_in(response)
    return (problem is not None and problem.name == _TOO_MANY_ROWS) or _TOO_MANY_ROWS in issues_in(response)
