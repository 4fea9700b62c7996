"""Real time, read in one place."""

import time
from datetime import UTC, datetime


def unix_seconds() -> int:
    return int(time.time())  # noqa: TID251 (the simulators stand alone: no malipo.clock here)


def timestamp() -> str:
    return datetime.now(UTC).isoformat()  # noqa: TID251 (as above)
