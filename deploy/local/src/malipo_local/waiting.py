"""The one place that sleeps: waits until something is so, or until time is up."""

import time
from collections.abc import Callable

POLL_SECONDS = 0.05


def until(condition: Callable[[], bool], seconds: float, poll_seconds: float = POLL_SECONDS) -> bool:
    """Check the condition again and again; returns whether it came true in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(poll_seconds)  # noqa: TID251 (this is the wait by condition, with a deadline)
    return True
