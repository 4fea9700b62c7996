"""The only place that reads the time."""

import time
from datetime import UTC, datetime, timedelta

_SINCE_BOOT = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)  # Linux's own; elsewhere that one counts sleep, too

_UNITS = {
    "day": timedelta(days=1),
    "hour": timedelta(hours=1),
    "minute": timedelta(minutes=1),
    "second": timedelta(seconds=1),
}


def now() -> datetime:
    """The current moment, timezone-aware, in UTC."""
    return datetime.now(UTC)


def unix_seconds() -> int:
    """Whole seconds since the Unix epoch, as signatures use them."""
    return int(time.time())


def from_unix(seconds: int) -> datetime:
    """The moment so many seconds after the Unix epoch, in UTC. Raises `ValueError` for one that cannot be."""
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, OSError):
        msg = "no moment of this era"
        raise ValueError(msg) from None


def monotonic() -> float:
    """Seconds on a clock that never jumps: for durations and timeouts."""
    return time.monotonic()


def since_boot() -> float:
    """Seconds on a clock that never jumps and does not stand still while this machine sleeps: for leases.

    Nothing in a virtual machine counts the time for which its host has stopped it.
    """
    return time.clock_gettime(_SINCE_BOOT)


def iso(moment: datetime) -> str:
    """RFC 3339 in UTC with milliseconds, e.g. `2026-11-21T09:30:00.123Z`."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def spoken(duration: timedelta) -> str:
    """A duration as people say it: a whole number of days from two on, or else of hours, of minutes, or of seconds."""
    for unit, size in _UNITS.items():
        count, rest = divmod(duration, size)
        if count >= (2 if unit == "day" else 1) and not rest:
            return f"{count} {unit}" + ("s" if count > 1 else "")
    return f"{duration.total_seconds():g} seconds"
