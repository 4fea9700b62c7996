"""Requests that wait for a resource to change, woken by whichever replica projects the change."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Generator, Iterable
from collections.abc import Set as AbstractSet
from contextlib import aclosing, contextmanager, suppress
from typing import Any

import msgspec
from prometheus_client import Counter, Gauge
from redis.asyncio import Redis
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError

from gateway.edge.redis_presence import RedisPresence
from malipo import clock

_CHANNEL = "gateway.changed"
_MAX_UNSENT = 10_000
_AWAY_SECONDS = 1.0
_ALONE = "each replica wakes only its own waiting requests"
_PING_SECONDS = 3.0
_SILENT_SECONDS = 10.0  # some three pings without an answer

WAITS = Counter("malipo_waits", "Requests that waited for a state: `answered` or `timed_out`.", ("result",))
WAITING = Gauge("malipo_waiting_requests", "Requests that wait for a state now.")


class Waiting:
    """Wakes waiting requests: those of this process directly, those of other replicas through Redis.

    A wake is a hint to read again and may be lost or come twice: a waiting request reads the row first, at each wake,
    and once more at the end of its time.
    """

    def __init__(self, redis: Redis, subscriber: Redis, limit: int, presence: RedisPresence) -> None:
        self._redis = redis
        self._subscriber = subscriber
        self._limit = limit
        self._presence = presence
        self._waiting: defaultdict[str, set[asyncio.Event]] = defaultdict(set)
        self._count = 0
        self._unsent: set[str] = set()
        self._to_send = asyncio.Event()

    async def until[T](
        self, resource_id: str, read: Callable[[], Awaitable[T]], done: Callable[[T], bool], seconds: float
    ) -> T:
        """What `read` returns as soon as it is `done`, else what it returns after `seconds`."""
        deadline = clock.monotonic() + (seconds if self._count < self._limit else 0)
        with self._watch(resource_id) as changed:
            while True:
                changed.clear()
                found = await read()
                left = deadline - clock.monotonic()
                if done(found) or left <= 0:
                    WAITS.labels("answered" if done(found) else "timed_out").inc()
                    return found
                with suppress(TimeoutError):
                    await asyncio.wait_for(changed.wait(), left)

    @contextmanager
    def _watch(self, resource_id: str) -> Generator[asyncio.Event]:
        changed = asyncio.Event()
        self._waiting[resource_id].add(changed)
        self._count += 1
        WAITING.inc()
        try:
            yield changed
        finally:
            WAITING.dec()
            self._count -= 1
            self._waiting[resource_id].discard(changed)
            if not self._waiting[resource_id]:
                del self._waiting[resource_id]

    def wake(self, resource_ids: AbstractSet[str]) -> None:
        """These have changed, and are committed: wake the requests that wait here, and have other replicas notified."""
        self._wake(resource_ids)
        if len(self._unsent) + len(resource_ids) <= _MAX_UNSENT:  # else Redis is away; requests read at their end
            self._unsent |= resource_ids
        self._to_send.set()

    async def send(self) -> None:
        """Notify the other replicas, until cancelled."""
        while True:
            await self._to_send.wait()
            self._to_send.clear()
            unsent, self._unsent = self._unsent, set()
            try:
                await self._redis.publish(_CHANNEL, msgspec.json.encode(unsent))  # pyright: ignore[reportUnknownMemberType] - untyped options
            except (RedisError, OSError):
                await asyncio.sleep(_AWAY_SECONDS)

    async def listen(self) -> None:
        """Receive what other replicas changed, until cancelled."""
        while True:
            try:
                async with aclosing(_channel(self._subscriber)) as channel:
                    await channel.subscribe(_CHANNEL)
                    self._presence.found(_ALONE)
                    self._wake(list(self._waiting))  # for what was published while we were away
                    await self._receive(channel)
            except (RedisError, OSError) as error:
                self._presence.lost(_ALONE, error)
                await asyncio.sleep(_AWAY_SECONDS)

    async def _receive(self, channel: Any) -> None:
        """Wakes by what is published, until Redis is lost. A load balancer that has forgotten the connection ends it for
        nobody: so Redis is pinged, and silence is a loss.
        """
        heard = pinged = clock.monotonic()
        while True:
            message = await channel.get_message(timeout=_AWAY_SECONDS)
            now = clock.monotonic()
            if message is not None:
                heard = now
                self._wake(_published(message))
            if now - heard > _SILENT_SECONDS:
                msg = f"Redis has answered nothing for {_SILENT_SECONDS:.0f} s"
                raise RedisTimeoutError(msg)
            if now - pinged > _PING_SECONDS:
                await channel.ping()
                pinged = now

    def _wake(self, resource_ids: Iterable[str]) -> None:
        for resource_id in resource_ids:
            for changed in self._waiting.get(resource_id, ()):
                changed.set()


def _channel(redis: Redis) -> Any:
    return redis.pubsub(ignore_subscribe_messages=True)  # pyright: ignore[reportUnknownMemberType] - untyped options


def _published(message: Any) -> list[str]:
    """The ids in a message; none in the answer to a ping."""
    return msgspec.json.decode(message["data"], type=list[str]) if message["type"] == "message" else []
