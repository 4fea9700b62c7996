"""Group commit: what is asked for while a transaction runs is written together by the next one."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field


@dataclass
class _Batch[T]:
    items: list[T] = field(default_factory=list[T])
    written: asyncio.Task[None] | None = None


class Collector[T]:
    """Hands items to `write` in batches of at most `most`, one batch at a time, in the order in which they came.

    As many items wait as there are callers of `add`, no more.
    """

    def __init__(self, write: Callable[[Sequence[T]], Awaitable[None]], *, most: int) -> None:
        self._write = write
        self._most = most
        self._turn = asyncio.Lock()
        self._open: _Batch[T] | None = None

    async def add(self, item: T) -> None:
        """Returns when `write` has returned for the batch with `item`. Raises what it raised."""
        batch = self._open
        if batch is None or len(batch.items) >= self._most:
            batch = self._open = _Batch()
            batch.written = asyncio.create_task(self._write_in_turn(batch))
        batch.items.append(item)
        assert batch.written is not None
        await asyncio.shield(batch.written)  # a caller that goes away must not take its neighbours along

    async def _write_in_turn(self, batch: _Batch[T]) -> None:
        async with self._turn:
            if self._open is batch:
                self._open = None
            await self._write(batch.items)
