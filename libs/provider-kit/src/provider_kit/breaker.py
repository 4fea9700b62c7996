"""A circuit breaker per provider account: after repeated signs that the provider is down, stop calling for a while."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from malipo import clock

FAILURES_TO_OPEN = 5
OPEN_SECONDS = 5.0
_MAX_CIRCUITS = 10_000


class CircuitState(StrEnum):
    """What a circuit lets through after failures in a row: nothing, or one call to probe."""

    OPEN = "open"
    HALF_OPEN = "half_open"


@dataclass(slots=True)
class _Circuit:
    failures: int = 0
    open_until: float = 0.0


class Breaker:
    """Counts failures in a row by key. Open: refuses for `OPEN_SECONDS`, then lets one call through to probe."""

    def __init__(self, now: Callable[[], float] = clock.monotonic) -> None:
        self._now = now
        self._circuits: dict[str, _Circuit] = {}

    def wait_seconds(self, key: str) -> float:
        """Zero when a call may go out now, else how long to wait. A probe that is let through extends the wait of others."""
        circuit = self._circuits.get(key)
        if circuit is None or circuit.failures < FAILURES_TO_OPEN:
            return 0.0
        left = circuit.open_until - self._now()
        if left > 0:
            return left
        circuit.open_until = self._now() + OPEN_SECONDS
        return 0.0

    def succeeded(self, key: str) -> None:
        """The provider answered: close the circuit."""
        self._circuits.pop(key, None)

    def failed(self, key: str) -> None:
        """No connection, no answer, a 5xx that is no stored answer, or a rate limit: never an answer that is odd."""
        if len(self._circuits) >= _MAX_CIRCUITS:
            self._circuits.clear()
        circuit = self._circuits.setdefault(key, _Circuit())
        circuit.failures += 1
        if circuit.failures >= FAILURES_TO_OPEN:
            circuit.open_until = self._now() + OPEN_SECONDS

    def count(self, state: CircuitState) -> int:
        """How many circuits are in `state` at the moment."""
        tripped = [one.open_until > self._now() for one in self._circuits.values() if one.failures >= FAILURES_TO_OPEN]
        return tripped.count(state is CircuitState.OPEN)
