"""Group commit: what is asked for while a transaction runs is written together by the next one."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from malipo.messaging.database import AWAY


@dataclass
class _Batch[T, R]:
    items: list[T] = field(default_factory=list[T])
    written: "asyncio.Task[Sequence[R | Exception]] | None" = None


class Collector[T, R]:
    """Hands items to `write` in batches of at most `most`, one batch at a time, in the order in which they came.

    `write` is one transaction: it answers one result for each item, in their order, or raises and has changed nothing. A
    result that is an exception is raised for that item alone.
    Unless the database is away each item of a batch that failed is then tried alone, so that one which cannot be
    written takes none of its neighbours along. As many items wait as there are callers of `add`, no more.
    """

    def __init__(self, write: Callable[[Sequence[T]], Awaitable[Sequence[R | Exception]]], *, most: int) -> None:
        self._write = write
        self._most = most
        self._turn = asyncio.Lock()
        self._open: _Batch[T, R] | None = None

    async def add(self, item: T) -> R:
        """What `write` has answered for `item`. Raises what it raised."""
        batch = self._open
        if batch is None or len(batch.items) >= self._most:
            batch = self._open = _Batch()
            batch.written = asyncio.create_task(self._write_in_turn(batch))
        place = len(batch.items)
        batch.items.append(item)
        assert batch.written is not None
        # A caller that goes away must not take its neighbours along.
        result = (await asyncio.shield(batch.written))[place]
        if isinstance(result, Exception):
            raise result
        return result

    async def _write_in_turn(self, batch: _Batch[T, R]) -> Sequence[R | Exception]:
        async with self._turn:
            if self._open is batch:
                self._open = None
            try:
                return await self._write(batch.items)
            except Exception as error:  # noqa: BLE001 - it goes to those who wait
                if len(batch.items) == 1 or isinstance(error, AWAY):
                    return [error] * len(batch.items)
            return [await self._write_alone(item) for item in batch.items]

    async def _write_alone(self, item: T) -> R | Exception:
        try:
            [result] = await self._write([item])
        except Exception as error:  # noqa: BLE001 - it goes to the one who waits
            return error
        return result
