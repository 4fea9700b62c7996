"""A process whose clock is wrong, beside a PostgreSQL whose clock is right."""

import time
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from malipo import clock


def put_wrong(patch: pytest.MonkeyPatch, by: timedelta) -> Callable[[], datetime]:
    """Have the time of day in this process, also that in ids, be wrong by so much; returns the clock that is right."""
    now, unix_seconds, time_ns = clock.now, clock.unix_seconds, time.time_ns
    seconds = int(by.total_seconds())
    patch.setattr(clock, "now", lambda: now() + by)
    patch.setattr(clock, "unix_seconds", lambda: unix_seconds() + seconds)
    patch.setattr(time, "time_ns", lambda: time_ns() + seconds * 10**9)
    return now
