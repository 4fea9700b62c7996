"""The simulator's clock: real time, plus whatever a test has added."""

from dataclasses import dataclass

from malipo_simulators.wall_clock import unix_seconds


@dataclass(slots=True)
class Clock:
    """Only ever moves forward, as `created` orders every list."""

    advanced_seconds: int = 0

    def now(self) -> int:
        return unix_seconds() + self.advanced_seconds

    def advance(self, seconds: int) -> None:
        self.advanced_seconds += seconds
