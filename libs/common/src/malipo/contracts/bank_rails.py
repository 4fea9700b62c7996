"""The rails of a partner bank: what each takes, when it is open, and which one a payment goes by that names none. Pure.

The partner's contract has them (`docs/providers/bank.md`); its simulator has the same figures of its own.
"""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

RailName = Literal["RTP", "ZELLE", "ACH", "BOOK"]
RecipientKind = Literal["account", "alias"]

BANK_TIME = ZoneInfo("America/New_York")
"""Cut-offs and opening hours are in the bank's own time, whatever the season."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rail:
    """One rail. `most` is in cents; a payment that comes outside `opens` to `closes` waits for the next opening.

    `banking_days`: whether it rests on weekends and holidays of the Federal Reserve. `returnable`: whether what was
    completed can still come back by itself. `return_request`: whether the recipient's bank can be asked to give it back.
    """

    most: int
    reaches: RecipientKind
    opens: time = time(0)
    closes: time | None = None
    banking_days: bool = False
    returnable: bool = False
    return_request: bool = False


RAILS: dict[RailName, Rail] = {
    "RTP": Rail(most=1_000_000_00, reaches="account", opens=time(6), closes=time(22), return_request=True),
    "ZELLE": Rail(most=5_000_00, reaches="alias", returnable=True),
    "ACH": Rail(
        most=10_000_000_00,
        reaches="account",
        opens=time(6),
        closes=time(17),
        banking_days=True,
        returnable=True,
        return_request=True,
    ),
    "BOOK": Rail(most=10_000_000_00, reaches="account"),
}


def rail_for(reaches: RecipientKind, amount_minor: int, now: datetime) -> RailName:
    """The rail of a payment that names none: an alias is reached by Zelle alone, an account at once if it is open and the
    amount fits, else by ACH. `BOOK` is only for whoever knows that the recipient is at the same bank.
    """
    if reaches == "alias":
        return "ZELLE"
    instant = RAILS["RTP"]
    return "RTP" if amount_minor <= instant.most and goes_at(instant, now) == now else "ACH"


def goes_at(rail: Rail, now: datetime) -> datetime:
    """When a payment that is ordered now goes: now, or at the rail's next opening."""
    local = now.astimezone(BANK_TIME)
    if _is_open(rail, local):
        return now
    day = local.date()
    if local.time() >= rail.opens or (rail.banking_days and not is_banking_day(day)):
        day += timedelta(days=1)
    while rail.banking_days and not is_banking_day(day):
        day += timedelta(days=1)
    return datetime.combine(day, rail.opens, BANK_TIME)


def _is_open(rail: Rail, local: datetime) -> bool:
    within = rail.opens <= local.time() and (rail.closes is None or local.time() < rail.closes)
    return within and (not rail.banking_days or is_banking_day(local.date()))


def is_banking_day(day: date) -> bool:
    """Whether the Federal Reserve works on that day (frbservices.org, "Holiday Schedules")."""
    return day.weekday() < 5 and day not in holidays(day.year)


def holidays(year: int) -> frozenset[date]:
    """The Federal Reserve's holidays of a year. One on a Sunday is kept on Monday, one on a Saturday not at all."""
    fixed = [date(year, month, day) for month, day in ((1, 1), (6, 19), (7, 4), (11, 11), (12, 25))]
    kept = [day + timedelta(days=day.weekday() == 6) for day in fixed]
    moving = [
        _weekday(year, 1, 0, 2),  # Martin Luther King
        _weekday(year, 2, 0, 2),  # Washington
        _weekday(year, 5, 0, -1),  # Memorial Day, the last of the month
        _weekday(year, 9, 0, 0),  # Labor Day
        _weekday(year, 10, 0, 1),  # Columbus
        _weekday(year, 11, 3, 3),  # Thanksgiving
    ]
    return frozenset((*kept, *moving))


def _weekday(year: int, month: int, weekday: int, nth: int) -> date:
    """The nth such weekday of a month, counted from 0; -1 is its last."""
    if nth < 0:
        beyond = date(year + month // 12, month % 12 + 1, 1)
        return beyond - timedelta(days=(beyond.weekday() - weekday - 1) % 7 + 1)
    begin = date(year, month, 1)
    return begin + timedelta(days=(weekday - begin.weekday()) % 7 + 7 * nth)
