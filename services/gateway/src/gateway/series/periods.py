"""The periods of a series: each as long as the other, counted from its first day. Pure."""

from calendar import monthrange
from datetime import datetime, timedelta
from typing import Literal, NamedTuple

Per = Literal["day", "week", "month", "year"]

_LENGTHS = {"day": timedelta(days=1), "week": timedelta(weeks=1)}
_MONTHS = {"month": 1, "year": 12}


class Period(NamedTuple):
    """From `starts_at` until before `ends_at`, when the next one begins."""

    starts_at: datetime
    ends_at: datetime


def period_at(first: datetime, per: Per, now: datetime) -> Period | None:
    """The period that `now` is in; None before the first one.

    Months and years keep the first one's day: where a month has none, its last day stands in, and the next has its own again.
    """
    if now < first:
        return None
    if per in _LENGTHS:
        length = _LENGTHS[per]
        begun = first + (now - first) // length * length
        return Period(begun, begun + length)
    months = _MONTHS[per]
    number = ((now.year - first.year) * 12 + now.month - first.month) // months
    if _later(first, number * months) > now:
        number -= 1
    return Period(_later(first, number * months), _later(first, (number + 1) * months))


def _later(first: datetime, months: int) -> datetime:
    year, month = divmod(first.year * 12 + first.month - 1 + months, 12)
    return first.replace(year=year, month=month + 1, day=min(first.day, monthrange(year, month + 1)[1]))
