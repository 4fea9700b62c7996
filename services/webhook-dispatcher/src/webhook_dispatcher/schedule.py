"""When to try again: a written list of waits, jitter, and what the merchant's server requests. Pure."""

from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

LONGEST_RETRY_AFTER_SECONDS = 24 * 3600.0
"""A longer `Retry-After` is cut to this: an endpoint may not park its events for ever."""

JITTER = 0.2
"""A wait is stretched or shortened by up to this share, so that what failed together is not retried together."""

ASKS_FOR_A_PAUSE = frozenset({429, 503})
"""Statuses whose `Retry-After` counts."""

_MAX_DIGITS = 10


def wait_seconds(
    schedule: Sequence[float], attempt: int, *, factor: float, status: int | None, retry_after_seconds: float | None
) -> float | None:
    """Seconds to wait after failed attempt number `attempt` (from 1), or None when that was the last.

    `factor` is the jitter. `Retry-After` lengthens the wait of a 429 or 503, never shortens it.
    """
    if attempt > len(schedule):
        return None
    planned = schedule[attempt - 1] * factor
    if status not in ASKS_FOR_A_PAUSE or retry_after_seconds is None:
        return planned
    return max(planned, min(retry_after_seconds, LONGEST_RETRY_AFTER_SECONDS))


def read_retry_after(header: str | None, now: datetime) -> float | None:
    """The seconds of a `Retry-After` header, given in seconds or as a date; None when it is neither."""
    if header is None:
        return None
    text = header.strip()
    if text.isascii() and text.isdigit():
        return float(text) if len(text) <= _MAX_DIGITS else LONGEST_RETRY_AFTER_SECONDS
    return _seconds_until(text, now)


def _seconds_until(date: str, now: datetime) -> float | None:
    moment = read_date(date)
    return None if moment is None else max((moment - now).total_seconds(), 0.0)


def read_date(header: str | None) -> datetime | None:
    """The moment of an HTTP date; None when it cannot be read."""
    try:
        moment = parsedate_to_datetime(header or "")
    except (ValueError, OverflowError):  # the latter for example of a year that no integer of the machine holds
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment  # "-0000": UTC by RFC 5322
