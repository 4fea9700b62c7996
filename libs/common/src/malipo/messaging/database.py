"""The service's database: single statements, units of work, and batches of messages that are applied once."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from functools import partial

from malipo import clock, ids
from malipo.messaging.handover import Handover, Terms
from malipo.messaging.pool import CONFLICT, DatabaseNotReady, Pool, Queries, Row, acquire
from malipo.messaging.unit_of_work import INSERT_INBOX, Reads, Transaction, UnitOfWork
from malipo.messaging.writes import Sends, Write, arguments, statement
from malipo.platform.network import in_unit

_TRIES = 20  # of a unit for which others are faster: one of them always comes through
_PAUSE_SECONDS = 0.002  # before the second try; a little longer before each further one
_NEW = timedelta(seconds=10)
"""What is resent is older than that, and so is what comes again after an outage; a crash brings some again at once."""
# The ids come in their order: of the inbox's months those are looked into that are between the first and the last.
_KNOWN = """
SELECT message_id FROM inbox WHERE consumer = $1 AND message_id = ANY($2::text[])
    AND message_id BETWEEN ($2::text[])[1] AND ($2::text[])[cardinality($2::text[])]
"""


class Database:
    """Opens units on the service's pool, and lets what they caused begin once they are committed.

    What they have sent goes to the relay of `handover`, else to whatever relay looks next.
    """

    def __init__(self, handover: Handover | None = None) -> None:
        self._handover = handover or Handover()
        self._pool: Pool | None = None

    def nudge(self) -> None:
        """A statement other than a unit's has committed something to the outbox: have the relay look."""
        self._handover.nudge()

    @property
    def reads(self) -> Reads:
        """For statements that need no unit. Raises `DatabaseNotReady`."""
        return Reads(self._require_pool())

    async def write(self, query: str, *args: object) -> Sequence[Row]:
        """One statement that is a transaction of its own, without BEGIN and COMMIT: committed once this returns.

        Returns the rows of its RETURNING. Raises one of `AWAY`, or what PostgreSQL has against the statement.
        """
        async with acquire(self._require_pool()) as connection:
            return await connection.fetch(query, *args)

    @asynccontextmanager
    async def begin(self) -> AsyncGenerator[UnitOfWork]:
        """One unit: commits when the block ends, and leaves nothing behind when it raises."""
        token = in_unit.set(True)
        try:
            async with AsyncExitStack() as until_end:
                unit = UnitOfWork(self.reads, Transaction(self._require_pool(), until_end))
                yield unit
                await self._flush(unit)
        finally:
            in_unit.reset(token)
        unit.committed()

    async def transact[R](self, work: Callable[[UnitOfWork], Awaitable[R]]) -> R:
        """What `work` answers in a unit; it is done again in a new one while somebody else was faster.

        Raises one of `CONFLICT` when it never comes through: then its rows cannot be there at all.
        """

        async def once() -> R:
            async with self.begin() as unit:
                return await work(unit)

        async def another_was_faster(error: Exception) -> bool:
            return isinstance(error, CONFLICT)

        return await _until_done(once, another_was_faster)

    async def apply_once[T](
        self,
        consumer: str,
        messages: Mapping[str, T],
        apply: Callable[[UnitOfWork, Sequence[T]], Awaitable[None]],
    ) -> AbstractSet[str]:
        """Apply those of `messages` (by message id) that `consumer` has not applied yet; returns their ids.

        Those that the inbox knows are left out first, unless all are so new that none is likely to come again. If one was
        applied nevertheless, or another replica applies it meanwhile, the inbox refuses this unit, and it begins anew without
        that one. So `apply` may see a message once more, in a unit that leaves nothing behind.
        """
        known = frozenset[str]() if _are_new(messages) else await applied(self.reads, consumer, messages)

        async def once() -> AbstractSet[str]:
            new = {message_id: message for message_id, message in messages.items() if message_id not in known}
            if new:
                async with self.begin() as unit:
                    unit.put(INSERT_INBOX, [(consumer, message_id) for message_id in sorted(new)])
                    await apply(unit, list(new.values()))
            return new.keys()

        async def another_was_faster(error: Exception) -> bool:
            nonlocal known
            known_before, known = known, await applied(self.reads, consumer, messages)
            # What fails because it was applied before is not at fault.
            return isinstance(error, CONFLICT) or bool(known - known_before)

        return await _until_done(once, another_was_faster)

    def use(self, pool: Pool | None) -> None:
        """Give or take away the pool as the service starts and stops."""
        self._pool = pool

    async def _flush(self, unit: UnitOfWork) -> None:
        rows = unit.written()
        if not rows:
            return
        write = unit.transaction.fetch if unit.transaction.begun else self.write
        sends = {write.sends for write in rows}
        terms = self._handover.terms() if Sends.HANDED_OVER in sends else None
        returned = await write(statement(tuple(rows)), *(terms.arguments if terms else ()), *arguments(rows))
        unit.answered(returned)
        if terms:
            unit.after_commit(partial(self._hand_over, terms, rows, returned))
        elif Sends.UNTOLD in sends:
            unit.after_commit(self.nudge)

    def _hand_over(
        self, terms: Terms, rows: Mapping[Write, Sequence[Sequence[object]]], returned: Sequence[Row]
    ) -> None:
        *before, last = rows
        if last.sends is Sends.HANDED_OVER and all(write.sends is Sends.NOTHING for write in before):
            self._handover.queue(terms, rows[last], returned[0])
        else:
            self._handover.nudge()

    def _require_pool(self) -> Pool:
        if self._pool is None:
            raise DatabaseNotReady
        return self._pool


async def applied(source: Queries, consumer: str, message_ids: Iterable[str]) -> AbstractSet[str]:
    """Those of these messages that `consumer` (`service.subscription`) has applied."""
    return {row["message_id"] for row in await source.fetch(_KNOWN, consumer, sorted(message_ids))}


def _are_new(message_ids: Iterable[str]) -> bool:
    oldest = ids.first_at("msg", clock.now() - _NEW)
    return all(message_id.startswith("msg_") and message_id >= oldest for message_id in message_ids)


async def _until_done[R](
    once: Callable[[], Awaitable[R]], another_was_faster: Callable[[Exception], Awaitable[bool]]
) -> R:
    """What `once` returns, tried again while another was faster; the last try's error is raised as it is.

    Nearly every unit is done at the first try, and units are many: a library's machinery around each would be felt.
    """
    number = 1
    while True:
        try:
            return await once()
        except Exception as error:
            if number == _TRIES or not await another_was_faster(error):
                raise
        # Let the one pass who was faster, and spread those who were not.
        await asyncio.sleep(_PAUSE_SECONDS * number * ids.jitter(0.5))
        number += 1
