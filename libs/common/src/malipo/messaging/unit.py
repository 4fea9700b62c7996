"""The unit of work: state, inbox and outbox change together, in one statement or one transaction."""

import asyncio
import zlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from malipo import ids
from malipo.contracts.message import Message, encode
from malipo.contracts.topics import Topic
from malipo.messaging import tables
from malipo.messaging.database import CONFLICT, Connection, DatabaseNotReady, Pool, Queries, Row, lent
from malipo.messaging.writes import Write, arguments, insert, statement
from malipo.platform.network import in_unit
from malipo.platform.tracing import carrier

SHARDS = 4
"""Relays that can work side by side on one outbox; a key always falls into the same one."""

MAX_PAYLOAD_BYTES = 900_000
"""Below Kafka's default limit of 1 MiB, headers included."""

MESSAGE_ID = "message-id"

_TRIES = 20  # of a unit for which others are faster: one of them always comes through
_PAUSE_SECONDS = 0.002  # before the second try; a little longer before each further one

OUTBOX = insert(tables.OUTBOX)
INBOX = insert(tables.INBOX)
_KNOWN = "SELECT message_id FROM inbox WHERE consumer = $1 AND message_id = ANY($2::text[])"


class MessageTooLarge(ValueError):
    """A payload that Kafka would refuse."""


class _Queries:
    """Statements on the connection that `_lent` gives. Each may raise one of `AWAY`."""

    def _lent(self) -> AbstractAsyncContextManager[Connection]:
        raise NotImplementedError

    async def fetch(self, query: str, *args: object) -> Sequence[Row]:
        """All rows."""
        async with self._lent() as connection:
            return await connection.fetch(query, *args)

    async def fetchrow(self, query: str, *args: object) -> Row | None:
        """The first row."""
        async with self._lent() as connection:
            return await connection.fetchrow(query, *args)

    async def fetchval(self, query: str, *args: object) -> Any:
        """The first value of the first row."""
        async with self._lent() as connection:
            return await connection.fetchval(query, *args)


class Reads(_Queries):
    """Statements that change nothing, each on any free connection."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    def _lent(self) -> AbstractAsyncContextManager[Connection]:
        return lent(self._pool)


class Transaction(_Queries):
    """Statements of one unit, whose transaction begins with the first of them."""

    def __init__(self, pool: Pool, until_end: AsyncExitStack) -> None:
        self._pool = pool
        self._until_end = until_end
        self._connection: Connection | None = None

    @property
    def begun(self) -> bool:
        """Whether there is one."""
        return self._connection is not None

    async def execute(self, query: str, *args: object) -> str:
        """The command's tag, e.g. `UPDATE 3`."""
        async with self._lent() as connection:
            return await connection.execute(query, *args)

    @asynccontextmanager
    async def _lent(self) -> AsyncGenerator[Connection]:
        if self._connection is None:
            connection = await self._until_end.enter_async_context(lent(self._pool))
            await self._until_end.enter_async_context(connection.transaction())
            self._connection = connection
        yield self._connection


@dataclass(slots=True)
class Unit:
    """What changes together. What it sends becomes visible to others with the commit, or not at all.

    A unit that only reads and puts is one statement at its end, and holds no lock before. It relies on what it puts to
    fail if somebody else was faster, by a row that is there once only: a message in the inbox, a step of a payment, a
    merchant's key. One that must hold locks, or needs an answer to what it changes, asks its `transaction`: then it is
    one from there on, and what it has changed so far `reads` does not see.
    """

    reads: Reads
    transaction: Transaction
    _rows: dict[Write, list[Sequence[object]]] = field(default_factory=dict[Write, list[Sequence[object]]])
    _after: list[Callable[[], None]] = field(default_factory=list[Callable[[], None]])

    def send(self, topic: Topic, key: str, message: Message, *, headers: Mapping[str, str] | None = None) -> str:
        """Put `message` into the outbox under a new message id, and answer that.

        `headers` carries on the trace and client reference of the message that caused this one; without it the
        current trace is used. Messages of one key reach Kafka in the order in which they were sent here.
        """
        message_id = ids.new("msg")
        self.put(OUTBOX, [outbox_row(message_id, topic, key, message, carrier() if headers is None else headers)])
        return message_id

    def send_raw(self, topic: str, key: str, payload: bytes, headers: dict[str, str]) -> None:
        """Put bytes into the outbox under the id in `headers`: a dead letter, or a message that was encoded before.

        Raises `MessageTooLarge` above what Kafka takes: such a row would stop its key's messages for ever.
        """
        self.put(OUTBOX, [_outbox_row(topic, key, payload, headers)])

    def put(self, write: Write, rows: Sequence[Sequence[object]]) -> None:
        """Have these rows written at the commit: all that was put and sent is one statement, which nothing sees before.

        No row of a table may be in two writes of one unit.
        """
        if rows:
            self._rows.setdefault(write, []).extend(rows)

    def written(self) -> Mapping[Write, Sequence[Sequence[object]]]:
        """What was put and sent, the messages last."""
        return {write: self._rows[write] for write in sorted(self._rows, key=lambda write: write is OUTBOX)}

    def after_commit(self, act: Callable[[], None]) -> None:
        """Do this once the unit is committed, and not at all when it is not: count, log, wake."""
        self._after.append(act)

    def committed(self) -> None:
        """Do what waited for the commit."""
        for act in self._after:
            act()


def outbox_row(
    message_id: str, topic: Topic, key: str, message: Message, headers: Mapping[str, str]
) -> tuple[object, ...]:
    """A message's row of the outbox, in the order of the columns of `OUTBOX`. Raises `MessageTooLarge`."""
    return _outbox_row(topic.name, key, encode(message), dict(headers) | {MESSAGE_ID: message_id})


def _outbox_row(topic: str, key: str, payload: bytes, headers: dict[str, str]) -> tuple[object, ...]:
    if len(payload) > MAX_PAYLOAD_BYTES:
        raise MessageTooLarge(topic, len(payload))
    return headers[MESSAGE_ID], shard_of(key), topic, key, headers, payload


def shard_of(key: str) -> int:
    """The shard of the outbox that keeps this key's messages in order."""
    return zlib.crc32(key.encode()) % SHARDS


class Units:
    """Opens units on the service's pool, and lets what they caused begin once they are committed.

    `nudge` says that something was committed to the outbox.
    """

    def __init__(self, nudge: Callable[[], None]) -> None:
        self.nudge = nudge
        self._pool: Pool | None = None

    @property
    def reads(self) -> Reads:
        """For statements that need no unit. Raises `DatabaseNotReady`."""
        return Reads(self._require_pool())

    async def write(self, query: str, *args: object) -> Sequence[Row]:
        """One statement that is a transaction of its own, without BEGIN and COMMIT: committed once this returns.

        Answers the rows of its RETURNING. Raises one of `AWAY`, or what PostgreSQL has against the statement.
        """
        async with lent(self._require_pool()) as connection:
            return await connection.fetch(query, *args)

    @asynccontextmanager
    async def begin(self) -> AsyncGenerator[Unit]:
        """One unit: commits when the block ends, and leaves nothing behind when it raises."""
        token = in_unit.set(True)
        try:
            async with AsyncExitStack() as until_end:
                unit = Unit(self.reads, Transaction(self._require_pool(), until_end))
                yield unit
                await self._flush(unit)
        finally:
            in_unit.reset(token)
        unit.committed()

    async def settle[R](self, work: Callable[[Unit], Awaitable[R]]) -> R:
        """What `work` answers in a unit; it is done again in a new one while somebody else was faster.

        Raises one of `CONFLICT` when it never comes through: then its rows cannot be there at all.
        """
        number = 1
        while True:
            try:
                async with self.begin() as unit:
                    return await work(unit)
            except CONFLICT:
                if number == _TRIES:
                    raise
            await _pause(number)
            number += 1

    async def receive[T](
        self, consumer: str, messages: Mapping[str, T], apply: Callable[[Unit, Sequence[T]], Awaitable[None]]
    ) -> AbstractSet[str]:
        """Apply what `consumer` has not got before of these messages, by their ids; answers whose.

        Those that the inbox knows are left out: repeats are usual, and found otherwise only once the work is done. Whoever
        applies one of the others meanwhile is found by the inbox, which changes with them: it refuses them all, and this
        begins anew. `apply` may therefore see a message once more, in a unit that leaves nothing behind.
        """
        known = await applied(self.reads, consumer, messages)
        number = 1
        while True:
            new = {message_id: message for message_id, message in messages.items() if message_id not in known}
            try:
                if new:
                    async with self.begin() as unit:
                        unit.put(INBOX, [(consumer, message_id) for message_id in sorted(new)])
                        await apply(unit, list(new.values()))
                return new.keys()
            except Exception as error:
                known_before, known = known, await applied(self.reads, consumer, messages)
                # What fails because it was applied before is not at fault.
                if number == _TRIES or not (isinstance(error, CONFLICT) or known - known_before):
                    raise
            await _pause(number)
            number += 1

    def use(self, pool: Pool | None) -> None:
        """Give or take away the pool as the service starts and stops."""
        self._pool = pool

    async def _flush(self, unit: Unit) -> None:
        rows = unit.written()
        if rows:
            write = unit.transaction.fetch if unit.transaction.begun else self.write
            await write(statement(tuple(rows)), *arguments(rows))
        if OUTBOX in rows:
            unit.after_commit(self.nudge)

    def _require_pool(self) -> Pool:
        if self._pool is None:
            raise DatabaseNotReady
        return self._pool


async def applied(source: Queries, consumer: str, message_ids: Iterable[str]) -> AbstractSet[str]:
    """Those of these messages that `consumer` (`service.subscription`) has applied."""
    return {row["message_id"] for row in await source.fetch(_KNOWN, consumer, list(message_ids))}


async def _pause(number: int) -> None:
    """Let the one pass who was faster, and spread those who were not."""
    await asyncio.sleep(_PAUSE_SECONDS * number * ids.jitter(0.5))
