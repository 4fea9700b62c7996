"""What a series still allows in its present period: charges are counted as they are accepted, one after the other. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from typing import Any, NamedTuple

from gateway.edge.problems import FieldError, Problem, of_fields
from gateway.series.periods import Per, Period, period_at
from malipo import clock
from malipo.contracts.commands import Mode
from malipo.money import Money

type Named = tuple[str, Mode, str]
"""A series' id behind its merchant and mode."""


class Series(NamedTuple):
    """The rules of one series. `starts_at` is when its first period begins."""

    id: str
    customer_ref: str
    currency: str
    max_amount: int
    max_count: int
    per: Per
    starts_at: datetime
    created_at: datetime
    updated_at: datetime


@dataclass(slots=True)
class Usage:
    """The charges of a series: the number of the last one, and of the present period how many count, and what they make up."""

    last: int = 0
    count: int = 0
    amount: int = 0


class Limits:
    """The series that a batch of payments names, with what is used of each. Every charge that is taken counts for the next one."""

    def __init__(self, series: Mapping[Named, Series], usage: Mapping[Named, Usage]) -> None:
        self._series = series
        self._usage = usage

    def take(self, named: Named, amount: Money, customer_ref: str | None, now: datetime) -> int | Problem:
        """The charge's number in its series; or why the series does not allow it, and from when it would."""
        series = self._series.get(named)
        if series is None:
            detail = f"There is no series {named[2]}: PUT /v1/series/{named[2]} first."
            return Problem(
                "series_not_found", detail, errors=[FieldError("/method/series", "series_not_found", detail)]
            )
        usage = self._usage[named]
        if problem := _misfit(series, amount, customer_ref) or _over(series, usage, amount.amount_minor, now):
            return problem
        usage.last, usage.count, usage.amount = usage.last + 1, usage.count + 1, usage.amount + amount.amount_minor
        return usage.last


def shown(series: Series, usage: Usage, period: Period | None, counted: Sequence[str]) -> dict[str, Any]:
    """A series as merchants see it, with the present period, what is used of it, and by which payments; null before the first one."""
    rules = series._asdict()
    starts_at = rules.pop("starts_at")
    times = {name: rules.pop(name) for name in ("created_at", "updated_at")}
    used = period and {**period._asdict(), "count": usage.count, "amount": usage.amount, "payments": counted}
    return {**rules, "starts_on": starts_at.date(), "period": used, **times}


def _misfit(series: Series, amount: Money, customer_ref: str | None) -> Problem | None:
    wrong: list[FieldError] = []
    if customer_ref != series.customer_ref:
        wrong.append(FieldError("/method/series", "series_mismatch", "is another customer's"))
    if amount.currency != series.currency:
        wrong.append(FieldError("/currency", "series_mismatch", f"must be {series.currency}, as the series has it"))
    if not wrong and amount.amount_minor > series.max_amount:
        detail = f"must be at most {series.max_amount}, all that the series allows in one {series.per}"
        wrong.append(FieldError("/amount", "series_mismatch", detail))
    return of_fields(wrong) if wrong else None


def _over(series: Series, usage: Usage, amount_minor: int, now: datetime) -> Problem | None:
    period = period_at(series.starts_at, series.per, now)
    if period is None:
        detail = f"Its first period begins at {clock.iso(series.starts_at)}."
        return Problem("series_limit_reached", detail, after_seconds=_seconds(series.starts_at - now))
    then = f"the next {series.per} begins at {clock.iso(period.ends_at)}."
    wait = _seconds(period.ends_at - now)
    if usage.count >= series.max_count:
        detail = f"This {series.per} has {usage.count} of {series.max_count} charges; {then}"
        return Problem("series_limit_reached", detail, after_seconds=wait)
    if usage.amount + amount_minor > series.max_amount:
        left = max(series.max_amount - usage.amount, 0)
        detail = f"In this {series.per} {left} of {series.max_amount} is left; {then}"
        return Problem("series_amount_exceeded", detail, after_seconds=wait)
    return None


def _seconds(wait: timedelta) -> int:
    return max(ceil(wait.total_seconds()), 1)
