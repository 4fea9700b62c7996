"""Reads what a search asks for: the range, the filters, the page, and which parts of each row."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from malipo_simulators.paypal.errors import PaypalError, detail
from malipo_simulators.paypal.http.request import PaypalRequest
from malipo_simulators.paypal.objects.times import read
from malipo_simulators.paypal.reporting.render import PARTS
from malipo_simulators.paypal.reporting.rows import Row

BAD_REQUEST = 400
DATE = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:?\d\d)")
AMOUNTS = re.compile(r"(-?\d{1,15}) TO (-?\d{1,15})")
PAGE_SIZE, MAX_PAGE_SIZE, MAX_PAGE = 100, 500, 2_147_483_647
# Nothing here was paid by a card without an account, in a store or at a terminal.
NEVER_MET = ("payment_instrument_type", "store_id", "terminal_id")
STATUSES = ("D", "P", "S", "V")


@dataclass(frozen=True, slots=True)
class Asked:
    """`begins` and `ends` in Unix seconds, both inclusive; `page` counts from 1."""

    begins: float
    ends: float
    page: int
    page_size: int
    parts: tuple[str, ...]
    wanted: Callable[[Row], bool]


def read_asked(request: PaypalRequest) -> Asked:
    """Raise PaypalError for the first thing that is wrong."""
    begins, ends = read_range(request)
    return Asked(
        begins=begins,
        ends=ends,
        page=read_number(request, "page", 1, MAX_PAGE),
        page_size=read_number(request, "page_size", PAGE_SIZE, MAX_PAGE_SIZE),
        parts=read_parts(request),
        wanted=read_filter(request),
    )


def read_range(request: PaypalRequest) -> tuple[float, float]:
    """At most 31 days, which begin within three years and not after what is reported by now."""
    begins, ends = read_date(request, "start_date"), read_date(request, "end_date")
    settings, known = request.settings, refreshed(request)
    if ends < begins:
        raise bad(request, "end_date", "End date is before the start date.")
    if ends - begins > settings.report_range_seconds:
        raise bad(request, "end_date", "Date range is greater than 31 days")
    if not request.change.now - settings.report_history_seconds <= begins <= known:
        raise bad(request, "start_date", "Data for the given start date is not available.")
    return begins, ends


def refreshed(request: PaypalRequest) -> int:
    """Up to when everything is reported, in Unix seconds."""
    return request.change.now - request.settings.report_lag_seconds


def read_date(request: PaypalRequest, name: str) -> float:
    given = request.query.get(name)
    if given is None:
        raise bad(request, name, "A required parameter is missing.", "MISSING_REQUIRED_PARAMETER")
    # A plus of an offset that was not encoded has become a space.
    mended = given.replace(" ", "+")
    at = read(mended) if DATE.fullmatch(mended) else None
    if at is None:
        raise bad(
            request, name, "The value of a field does not conform to the expected format.", "INVALID_PARAMETER_SYNTAX"
        )
    return at


def read_number(request: PaypalRequest, name: str, default: int, most: int) -> int:
    given = request.query.get(name)
    if given is None:
        return default
    if not (given.isascii() and given.isdigit() and len(given) <= 10 and 1 <= int(given) <= most):
        raise bad(request, name, f"The value must be a number from 1 to {most}.")
    return int(given)


def read_parts(request: PaypalRequest) -> tuple[str, ...]:
    names = request.query.get("fields", "transaction_info").split(",")
    if names == ["all"]:
        return tuple(PARTS)
    if not set(names) <= set(PARTS):
        raise bad(request, "fields", "The value of a field is invalid.")
    return tuple(part for part in PARTS if part in names)


def read_filter(request: PaypalRequest) -> Callable[[Row], bool]:
    query = request.query
    low, high = read_amounts(request)
    if query.get("transaction_status", "S") not in STATUSES:
        raise bad(request, "transaction_status", "The value of a field is invalid.")
    if query.get("balance_affecting_records_only", "Y") not in ("Y", "N"):
        raise bad(request, "balance_affecting_records_only", "The value of a field is invalid.")
    only_balance = query.get("balance_affecting_records_only", "Y") == "Y"
    impossible = any(name in query for name in NEVER_MET)

    def wanted(row: Row) -> bool:
        return (
            not impossible
            and (row.changes_balance or not only_balance)
            and low <= abs(row.amount.minor) <= high
            and query.get("transaction_id") in (None, row.id)
            and query.get("transaction_type") in (None, row.code)
            and query.get("transaction_status") in (None, row.status)
            and query.get("transaction_currency") in (None, row.amount.currency)
        )

    return wanted


def read_amounts(request: PaypalRequest) -> tuple[float, float]:
    """`500 TO 1005`: in minor units, whether they came or went."""
    given = request.query.get("transaction_amount")
    if given is None:
        return 0, float("inf")
    match = AMOUNTS.fullmatch(given)
    if match is None:
        raise bad(request, "transaction_amount", "The value of a field is invalid.")
    return int(match[1]), int(match[2])


def bad(request: PaypalRequest, name: str, why: str, issue: str = "INVALID_PARAMETER_VALUE") -> PaypalError:
    told = detail(issue, why, field=name, value=request.query.get(name), in_query=True)
    return PaypalError(BAD_REQUEST, [told])
