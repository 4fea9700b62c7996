"""Actions that run later, in real time, unless they are cancelled first."""

import asyncio
from collections.abc import Callable


class Timers:
    """Belongs to one event loop; callers bound how many they set."""

    def __init__(self) -> None:
        self._waiting: set[asyncio.TimerHandle] = set()

    def later(self, delay_seconds: float, action: Callable[[], object]) -> None:
        """Run it once after real time has passed."""

        def run() -> None:
            self._waiting.discard(timer)
            action()

        timer = asyncio.get_running_loop().call_later(delay_seconds, run)
        self._waiting.add(timer)

    def cancel(self) -> None:
        """Forget everything that still waits."""
        for timer in self._waiting:
            timer.cancel()
        self._waiting.clear()
