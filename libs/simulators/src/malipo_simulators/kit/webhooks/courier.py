"""Carries events to one receiver: a bounded queue, a few workers, retries with growing pauses."""

import asyncio
import hashlib
from collections.abc import Callable
from dataclasses import dataclass

from malipo_simulators.kit.clock import unix_seconds
from malipo_simulators.kit.faults.rules import Fault
from malipo_simulators.kit.settings import SimulatorSettings
from malipo_simulators.kit.shapes import Json
from malipo_simulators.kit.timers import Timers
from malipo_simulators.kit.webhooks.posting import DeliveryFailed, Poster

STALE_SECONDS = 3_600
OK_STATUSES = range(200, 300)
JITTER_PERCENT = 20

type WriteHeaders = Callable[["Delivery", int], dict[str, str]]
"""Given by the simulator: all headers of one attempt, made at this time (Unix seconds), its signature among them.

A delivery that is `forged` is signed without the secret.
"""


@dataclass(slots=True, eq=False)
class Delivery:
    """One event on its way to one receiver. `then` waits for this one's first attempt; `once` is never retried.

    `url`: where to, if not to the courier's own. `flaw` is the fault that makes the headers of the first attempt wrong.
    """

    event_id: str
    body: bytes
    url: str | None = None
    on_done: Callable[[], None] | None = None
    attempts: int = 0
    flaw: str | None = None
    forged: bool = False
    once: bool = False
    then: "Delivery | None" = None
    first_attempt: asyncio.Event | None = None

    @property
    def flaw_now(self) -> str | None:
        """That of the attempt under way."""
        return self.flaw if self.attempts == 1 else None


@dataclass(slots=True, eq=False)
class Held:
    """A delivery kept back so that the next one overtakes it."""

    delivery: Delivery
    waiting: bool = True

    def release(self) -> Delivery:
        self.waiting = False
        return self.delivery


class Courier:
    """Delivers at least once, in no promised order, until the receiver answers 2xx or the schedule ends."""

    def __init__(self, url: str, write_headers: WriteHeaders, poster: Poster, settings: SimulatorSettings) -> None:
        self._url = url
        self._write_headers = write_headers
        self._poster = poster
        self._settings = settings
        self._queue: asyncio.Queue[Delivery] = asyncio.Queue()
        self._workers: list[asyncio.Task[None]] = []
        self._timers = Timers()
        # What webhook_reorder keeps back, by the payment it is about.
        self.held: dict[str, Held] = {}
        self.stopped = False
        self.pending = 0
        self.delivered = 0
        self.failed_attempts = 0
        self.given_up = 0
        self.overflowed = 0
        self.last_failure: str | None = None

    @property
    def usual_delay_seconds(self) -> float:
        """How long after the response webhooks come when nothing goes wrong."""
        return self._settings.webhook_delay_seconds

    def send(self, delivery: Delivery, delay_seconds: float) -> bool:
        """Queue it. False, and counted, when too many are pending: then it is not delivered."""
        if self.stopped or self.pending >= self._settings.max_pending_deliveries:
            self.overflowed += 1
            return False
        self.pending += 1
        self._put_later(delivery, delay_seconds)
        return True

    def hurry(self, seconds: float) -> int:
        """Make now the attempts that are due within so many seconds, for a simulator whose clock was moved."""
        return self._timers.hurry(seconds)

    def move_to(self, url: str) -> None:
        """Deliver there from now on, also what is being tried again."""
        self._url = url

    def counters(self) -> Json:
        return {
            "pending": self.pending,
            "delivered": self.delivered,
            "failed_attempts": self.failed_attempts,
            "given_up": self.given_up,
            "overflowed": self.overflowed,
            "last_failure": self.last_failure,
        }

    def stop(self) -> None:
        """Give up everything that is still on its way."""
        self._timers.cancel()
        for worker in self._workers:
            worker.cancel()
        self.stopped = True

    async def close(self) -> None:
        self.stop()
        await asyncio.gather(*self._workers, return_exceptions=True)
        self._workers.clear()

    def _put_later(self, delivery: Delivery, delay_seconds: float) -> None:
        self._start_workers()
        if delay_seconds <= 0:
            self._queue.put_nowait(delivery)
        else:
            self._timers.later(delay_seconds, lambda: self._queue.put_nowait(delivery))

    def _start_workers(self) -> None:
        if not self._workers:
            count = self._settings.webhook_workers_per_endpoint
            self._workers = [asyncio.create_task(self._deliver()) for _ in range(count)]

    async def _deliver(self) -> None:
        while True:
            delivery = await self._queue.get()
            accepted = await self._attempt(delivery)
            self._after_attempt(delivery, accepted=accepted)

    async def _attempt(self, delivery: Delivery) -> bool:
        delivery.attempts += 1
        stale = delivery.flaw_now == Fault.WEBHOOK_STALE
        headers = self._write_headers(delivery, unix_seconds() - (STALE_SECONDS if stale else 0))
        try:
            status = await self._poster.post(delivery.url or self._url, delivery.body, headers)
        except DeliveryFailed as error:
            self.last_failure = str(error)
            return False
        if status in OK_STATUSES:
            return True
        self.last_failure = f"HTTP {status}"
        return False

    def _after_attempt(self, delivery: Delivery, *, accepted: bool) -> None:
        if delivery.first_attempt is not None:
            delivery.first_attempt.set()
        if delivery.then is not None:
            self.send(delivery.then, 0)
            delivery.then = None
        if accepted:
            self._finish(delivery)
        else:
            self.failed_attempts += 1
            self._retry(delivery)

    def _finish(self, delivery: Delivery) -> None:
        self.pending -= 1
        self.delivered += 1
        if delivery.on_done is not None:
            delivery.on_done()

    def _retry(self, delivery: Delivery) -> None:
        pauses = self._settings.webhook_retry_seconds
        if delivery.once or delivery.attempts > len(pauses):
            self.pending -= 1
            self.given_up += 1
            return
        self._put_later(delivery, with_jitter(pauses[delivery.attempts - 1], delivery))


def with_jitter(seconds: float, delivery: Delivery) -> float:
    """Up to a fifth more or less, the same in every run, so that many retries do not come back all at once."""
    digest = hashlib.sha256(f"{delivery.event_id}/{delivery.attempts}".encode()).digest()
    return seconds * (100 - JITTER_PERCENT + digest[0] % (2 * JITTER_PERCENT + 1)) / 100
