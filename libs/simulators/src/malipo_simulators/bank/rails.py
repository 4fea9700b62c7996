"""The rails and the bank's calendar: limits, hours, cut-offs, banking days. Pure; times are in the bank's own zone."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import Literal
from zoneinfo import ZoneInfo

BANK_TIME = ZoneInfo("America/New_York")
ACH_SETTLES, ACH_RETURNS = time(8, 30), time(10)
ONE_DAY = timedelta(days=1)


class RailName(StrEnum):
    RTP = "RTP"
    ZELLE = "ZELLE"
    ACH = "ACH"
    BOOK = "BOOK"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rail:
    """`most` is in cents. Open from `opens` until `closes`; `banking_days`: not on weekends and holidays.

    `comes_back`: what was completed may be returned by itself. `can_be_asked_back`: by a return request.
    """

    most: int
    reaches: Literal["account", "alias"] = "account"
    opens: time = time(0)
    closes: time | None = None
    banking_days: bool = False
    comes_back: bool = False
    can_be_asked_back: bool = False

    def is_open(self, local: datetime) -> bool:
        in_hours = self.opens <= local.time() and (self.closes is None or local.time() < self.closes)
        return in_hours and (not self.banking_days or is_banking_day(local.date()))


RAILS = {
    RailName.RTP: Rail(most=1_000_000_00, opens=time(6), closes=time(22), can_be_asked_back=True),
    RailName.ZELLE: Rail(most=5_000_00, reaches="alias", comes_back=True),
    RailName.ACH: Rail(
        most=10_000_000_00,
        opens=time(6),
        closes=time(17),
        banking_days=True,
        comes_back=True,
        can_be_asked_back=True,
    ),
    RailName.BOOK: Rail(most=10_000_000_00),
}


@dataclass(frozen=True, slots=True)
class Calendar:
    """`day_seconds`: how long a day lasts here, at which rails are always open. None: it is the real calendar."""

    day_seconds: float | None = None

    def opening(self, rail: Rail, now: datetime, asked: date | None = None) -> datetime:
        """When a payment of now goes that was asked for on a date: now, or at the rail's first opening."""
        days = max(0, (asked - bank_date(now)).days) if asked else 0
        if self.day_seconds is not None:
            return now + timedelta(seconds=self.day_seconds * days)
        local = now.astimezone(BANK_TIME)
        if not days and rail.is_open(local):
            return now
        day = local.date() + timedelta(days=days)
        if not days and local.time() >= rail.opens:
            day += ONE_DAY
        while rail.banking_days and not is_banking_day(day):
            day += ONE_DAY
        return at(day, rail.opens)

    def banking_days_after(self, moment: datetime, days: int, hour: time) -> datetime:
        """So many banking days later, at that hour."""
        if self.day_seconds is not None:
            return moment + timedelta(seconds=self.day_seconds * days)
        day = bank_date(moment)
        for _ in range(days):
            day = next_banking_day(day)
        return at(day, hour)

    def days_after(self, moment: datetime, days: int) -> datetime:
        seconds = ONE_DAY.total_seconds() if self.day_seconds is None else self.day_seconds
        return moment + timedelta(seconds=seconds * days)


def at(day: date, hour: time) -> datetime:
    return datetime.combine(day, hour, BANK_TIME)


def bank_date(moment: datetime) -> date:
    """The bank's day."""
    return moment.astimezone(BANK_TIME).date()


def next_banking_day(day: date) -> date:
    day += ONE_DAY
    while not is_banking_day(day):
        day += ONE_DAY
    return day


def is_banking_day(day: date) -> bool:
    saturday = 5
    return day.weekday() < saturday and not is_holiday(day)


def is_holiday(day: date) -> bool:
    """Whether the Federal Reserve keeps it (frbservices.org, "Holiday Schedules"): one on a Sunday is kept on Monday."""
    sunday = day - ONE_DAY
    kept = (day, sunday) if sunday.weekday() == 6 else (day,)
    return any((one.month, one.day) in FIXED for one in kept) or is_moving_holiday(day)


FIXED = frozenset({(1, 1), (6, 19), (7, 4), (11, 11), (12, 25)})
# Month, weekday (Monday is 0), and which one of the month.
MOVING = {(1, 0): 3, (2, 0): 3, (9, 0): 1, (10, 0): 2, (11, 3): 4}
MEMORIAL_DAY = (5, 0)


def is_moving_holiday(day: date) -> bool:
    kind = (day.month, day.weekday())
    if kind == MEMORIAL_DAY:  # the last one
        return (day + timedelta(days=7)).month != day.month
    return MOVING.get(kind) == (day.day + 6) // 7
