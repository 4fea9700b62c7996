"""What happens later by the simulator's clock, each step at its own time: also when the clock was moved past many of them."""

import heapq
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from itertools import count

from malipo_simulators.kit.clock import Clock
from malipo_simulators.kit.timers import Timers

TICK = timedelta(microseconds=1)


class Agenda:
    """Steps in the order of their times. While one is carried out, it is its time.

    `now` never gives the same moment twice, and never an earlier one: what it dates can be listed in order.
    """

    def __init__(self, clock: Clock, timers: Timers) -> None:
        self._clock = clock
        self._timers = timers
        self._steps: list[tuple[datetime, int, Callable[[], object]]] = []
        self._numbers = count()
        self._last = clock.moment()
        self._due: datetime | None = None

    def now(self) -> datetime:
        """The time of the step that is carried out, else that of the clock."""
        self._last = max(self._due or self._clock.moment(), self._last + TICK)
        return self._last

    def add(self, due: datetime, step: Callable[[], object]) -> None:
        """Carry it out then; what is due already waits for the event loop."""
        heapq.heappush(self._steps, (due, next(self._numbers), step))
        self._run_at(due)

    def run(self) -> int:
        """Carry out all that is due by now, and what becomes due by that. Returns how many steps."""
        done = 0
        while self._steps and self._steps[0][0] <= self._clock.moment():
            self._due, _, step = heapq.heappop(self._steps)
            try:
                step()
            finally:
                self._due = None
            done += 1
        return done

    def _run_at(self, due: datetime) -> None:
        seconds = (due - self._clock.moment()).total_seconds()
        self._timers.later(max(0, seconds), partial(self._wake, due))

    def _wake(self, due: datetime) -> None:
        """Timers go by another clock than steps, and are a little early at times."""
        if self._clock.moment() < due:
            self._run_at(due)
        else:
            self.run()
