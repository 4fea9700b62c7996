"""Group commit: what is asked for while a transaction runs is written together by the next one."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from malipo.messaging.isolation import isolated
from malipo.messaging.pool import AWAY


@dataclass
class _Batch[T, R]:
    items: list[T] = field(default_factory=list[T])
    written: "asyncio.Task[Sequence[R | Exception]] | None" = None


class GroupCommit[T, R]:
    """Hands items to `write` in batches of at most `most`, one batch at a time, in the order in which they came.

    `write` is one transaction: it answers one result for each item, in their order, or raises and has changed nothing. A
    result that is an exception is raised for that item alone. Of a batch that fails each is then tried alone, unless the
    database is away (`isolated`). As many items wait as there are callers of `add`, no more.
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
            return await isolated(batch.items, self._write_or_errors, blames_item=lambda _: True)

    async def _write_or_errors(self, items: Sequence[T]) -> Sequence[R | Exception]:
        """Raises only what each item may not come into alone: a deadlock, too. Each alone has an outcome of its own."""
        try:
            return await self._write(items)
        except Exception as error:
            if len(items) > 1 and not isinstance(error, AWAY):
                raise
            return [error] * len(items)
