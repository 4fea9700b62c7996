"""The only place that reads the time."""

import time
from datetime import UTC, datetime, timedelta


def now() -> datetime:
    """The current moment, timezone-aware, in UTC."""
    return datetime.now(UTC)


def after(seconds: float) -> datetime:
    """The moment `seconds` from now, in UTC."""
    return now() + timedelta(seconds=seconds)


def unix_seconds() -> int:
    """Whole seconds since the Unix epoch, as signatures use them."""
    return int(time.time())


def monotonic() -> float:
    """Seconds on a clock that never jumps: for durations, timeouts and leases."""
    return time.monotonic()


def iso(moment: datetime) -> str:
    """RFC 3339 in UTC with milliseconds, e.g. `2026-11-21T09:30:00.123Z`."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
