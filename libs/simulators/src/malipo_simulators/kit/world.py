"""All state of one simulator, and its reset. What a provider remembers is its subclass's."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Iterable
from enum import StrEnum

from malipo_simulators.kit.background import Background
from malipo_simulators.kit.clock import Clock
from malipo_simulators.kit.faults.scripted import Faults
from malipo_simulators.kit.ids import Ids
from malipo_simulators.kit.latency import Latencies
from malipo_simulators.kit.request_log import RequestLog
from malipo_simulators.kit.settings import SimulatorSettings
from malipo_simulators.kit.shapes import Json
from malipo_simulators.kit.timers import Timers
from malipo_simulators.kit.webhooks.courier import Courier
from malipo_simulators.kit.webhooks.posting import Poster


class World[S: SimulatorSettings](ABC):
    """Everything is changed by plain synchronous code on one event loop, so each operation is atomic.

    `own_faults` are those that only this simulator knows, beside the kit's.
    """

    def __init__(self, settings: S, poster: Poster, own_faults: Iterable[StrEnum] = ()) -> None:
        self._settings = settings
        self.poster = poster
        self.ids = Ids(settings.seed)
        self.timers = Timers()
        self.background = Background()
        self._own_faults = tuple(own_faults)
        self._start_empty()

    @property
    def settings(self) -> S:
        return self._settings

    def _start_empty(self) -> None:
        """Also after a reset; a subclass adds its own book and accounts."""
        self.clock = Clock()
        self.faults = Faults(self.ids, self.settings.max_fault_rules, self._own_faults)
        self.latencies = Latencies(self.ids)
        self.requests = RequestLog(self.settings.max_requests_logged)

    @abstractmethod
    def couriers(self) -> list[Courier]:
        """Of every receiver of webhooks."""

    @abstractmethod
    def counters(self) -> Json:
        """What /_sim/health shows of this simulator's own."""

    async def reset(self) -> None:
        """Forget everything: payments, keys, receivers, rules, latency, clock. Ids go on counting."""
        await self._stop()
        self._start_empty()

    async def close(self) -> None:
        await self._stop()
        await self.poster.close()

    async def _stop(self) -> None:
        self.timers.cancel()
        await self.background.close()
        await asyncio.gather(*(courier.close() for courier in self.couriers()))


type AnyWorld = World[SimulatorSettings]
