"""Remembers what was read a moment ago, so that a burst does not read it again and again."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from weakref import WeakValueDictionary

from malipo import clock


class Recent[K, V]:
    """Values by key, each for `seconds` from the question that it answers, at most `most` of them.

    Who asks for what is just being read waits for that. What `read` raises is not kept.
    """

    def __init__(self, *, seconds: float, most: int) -> None:
        self._seconds = seconds
        self._most = most
        self._kept: OrderedDict[K, tuple[float, V]] = OrderedDict()
        self._turns: WeakValueDictionary[K, asyncio.Lock] = WeakValueDictionary()

    async def find(self, key: K, read: Callable[[], Awaitable[V]], *, suits: Callable[[V], bool]) -> V:
        """The value that is kept, if it `suits`; else what `read` answers, suiting or not. Raises what `read` raises."""
        if (kept := self._suiting(key, suits)) is not None:
            return kept[0]
        async with self._turns.setdefault(key, asyncio.Lock()):
            if (kept := self._suiting(key, suits)) is not None:  # read while this waited for its turn
                return kept[0]
            asked_at = clock.monotonic()
            value = await read()
            self._keep(key, asked_at + self._seconds, value)
            return value

    def learn(self, key: K, value: V, asked_at: float) -> None:
        """Keep what the answer to another question tells, asked at that moment of `clock.monotonic`, unless a later one is kept."""
        expires = asked_at + self._seconds
        if key not in self._kept or self._kept[key][0] < expires:
            self._keep(key, expires, value)

    def forget(self) -> None:
        """Read everything anew from here on."""
        self._kept.clear()

    def _suiting(self, key: K, suits: Callable[[V], bool]) -> tuple[V] | None:
        match self._kept.get(key):
            case (expires, value) if clock.monotonic() < expires and suits(value):
                return (value,)
            case _:
                return None

    def _keep(self, key: K, expires: float, value: V) -> None:
        self._kept[key] = (expires, value)
        self._kept.move_to_end(key)
        if len(self._kept) > self._most:
            self._kept.popitem(last=False)
        asyncio.get_running_loop().call_later(self._seconds, self._drop_expired)

    def _drop_expired(self) -> None:
        """Secrets stay in memory no longer than they serve. The first are the oldest."""
        now = clock.monotonic()
        while self._kept and next(iter(self._kept.values()))[0] <= now:
            self._kept.popitem(last=False)
