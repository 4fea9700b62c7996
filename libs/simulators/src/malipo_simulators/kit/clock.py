"""Time: the real one, read here only, and the simulator's, which a test may move forward."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta


def unix_seconds() -> int:
    """Real time, whole seconds since 1970: signatures and retries go by it."""
    return int(time.time())


def timestamp() -> str:
    """Real time as ISO 8601 in UTC."""
    return datetime.now(UTC).isoformat()


@dataclass(slots=True)
class Clock:
    """Real time plus whatever a test has added. Only ever moves forward, as the time of creation orders every list."""

    advanced_seconds: int = 0

    def now(self) -> int:
        return unix_seconds() + self.advanced_seconds

    def moment(self) -> datetime:
        """Now, to the microsecond, in UTC."""
        return datetime.now(UTC) + timedelta(seconds=self.advanced_seconds)

    def advance(self, seconds: int) -> None:
        self.advanced_seconds += seconds
