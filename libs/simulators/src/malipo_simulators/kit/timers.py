"""Actions that run later, in real time, unless they are cancelled first."""

import asyncio
from collections.abc import Callable


class Timers:
    """Belongs to one event loop; callers bound how many they set."""

    def __init__(self) -> None:
        self._waiting: dict[asyncio.TimerHandle, Callable[[], object]] = {}

    def later(self, delay_seconds: float, action: Callable[[], object]) -> None:
        """Run it once after real time has passed."""

        def run() -> None:
            self._waiting.pop(timer, None)
            action()

        timer = asyncio.get_running_loop().call_later(delay_seconds, run)
        self._waiting[timer] = action

    def hurry(self, seconds: float) -> int:
        """Run now, in their order, those that would have run within so many seconds. Returns how many."""
        until = asyncio.get_running_loop().time() + seconds
        due = sorted((one for one in self._waiting if one.when() <= until), key=asyncio.TimerHandle.when)
        for timer in due:
            timer.cancel()
            self._waiting.pop(timer)()
        return len(due)

    def cancel(self) -> None:
        """Forget everything that still waits."""
        for timer in self._waiting:
            timer.cancel()
        self._waiting.clear()
