"""The unit of work: state, inbox and outbox change together, in one statement or one transaction."""

import zlib
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from malipo import ids
from malipo.contracts.message import Message, encode
from malipo.contracts.topics import Topic
from malipo.messaging import tables
from malipo.messaging.handover import HANDED_OVER
from malipo.messaging.pool import Connection, Pool, Row, acquire
from malipo.messaging.writes import Sends, Write, given, insert
from malipo.platform.tracing import carrier

SHARDS = 4
"""Relays that can work side by side on one outbox; a key always falls into the same one."""

MAX_PAYLOAD_BYTES = 900_000
"""Below Kafka's default limit of 1 MiB, headers included."""

MESSAGE_ID = "message-id"

INSERT_OUTBOX = Write(
    f"SELECT {HANDED_OVER} FROM sent",  # noqa: S608 - names of ours
    given(tables.OUTBOX),
    "sent AS (INSERT INTO outbox ({names}) SELECT * FROM unnest({arrays}) RETURNING id, message_id)",
    sends=Sends.HANDED_OVER,
)
INSERT_INBOX = insert(tables.INBOX)


class MessageTooLarge(ValueError):
    """A payload that Kafka would refuse."""


class _Queries:
    """Statements on the connection that `_acquire` gives. Each may raise one of `AWAY`."""

    def _acquire(self) -> AbstractAsyncContextManager[Connection]:
        raise NotImplementedError

    async def fetch(self, query: str, *args: object) -> Sequence[Row]:
        """All rows."""
        async with self._acquire() as connection:
            return await connection.fetch(query, *args)

    async def fetchrow(self, query: str, *args: object) -> Row | None:
        """The first row."""
        async with self._acquire() as connection:
            return await connection.fetchrow(query, *args)

    async def fetchval(self, query: str, *args: object) -> Any:
        """The first value of the first row."""
        async with self._acquire() as connection:
            return await connection.fetchval(query, *args)


class Reads(_Queries):
    """Statements that change nothing, each on any free connection."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    def _acquire(self) -> AbstractAsyncContextManager[Connection]:
        return acquire(self._pool)


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
        async with self._acquire() as connection:
            return await connection.execute(query, *args)

    @asynccontextmanager
    async def _acquire(self) -> AsyncGenerator[Connection]:
        if self._connection is None:
            connection = await self._until_end.enter_async_context(acquire(self._pool))
            await self._until_end.enter_async_context(connection.transaction())
            self._connection = connection
        yield self._connection


@dataclass(slots=True)
class UnitOfWork:
    """What changes together. What it sends becomes visible to others with the commit, or not at all.

    A unit that only reads and puts is one statement at its end, and holds no lock before. It relies on what it puts to
    fail if somebody else was faster, by a row that is there once only: a message in the inbox, a step of a payment, a
    merchant's key. What that statement returns is told after the commit only. A unit that needs it before, or locks, uses
    `transaction`: a database transaction is open from then on, and `reads` does not see its changes.
    """

    reads: Reads
    transaction: Transaction
    _rows: dict[Write, list[Sequence[object]]] = field(default_factory=dict[Write, list[Sequence[object]]])
    _told: tuple[Write, Callable[[Sequence[Row]], None]] | None = None
    _after: list[Callable[[], None]] = field(default_factory=list[Callable[[], None]])

    def send(self, topic: Topic, key: str, message: Message, *, headers: Mapping[str, str] | None = None) -> str:
        """Put `message` into the outbox under a new message id, and answer that.

        `headers` carries on the trace and client reference of the message that caused this one; without it the
        current trace is used. Messages of one key reach Kafka in the order in which they were sent here.
        """
        message_id = ids.new("msg")
        self.put(
            INSERT_OUTBOX, [outbox_row(message_id, topic, key, message, carrier() if headers is None else headers)]
        )
        return message_id

    def send_raw(self, topic: str, key: str, payload: bytes, headers: dict[str, str]) -> None:
        """Put bytes into the outbox under the id in `headers`: a dead letter, or a message that was encoded before.

        Raises `MessageTooLarge` above what Kafka takes: such a row would stop its key's messages for ever.
        """
        self.put(INSERT_OUTBOX, [_outbox_row(topic, key, payload, headers)])

    def put(
        self,
        write: Write,
        rows: Sequence[Sequence[object]],
        tell: Callable[[Sequence[Row]], None] | None = None,
    ) -> None:
        """Have these rows written at the commit: all that was put and sent is one statement, which nothing sees before.

        No row of a table may be in two writes of one unit. `tell` gets what the write returns, once it is committed: of one
        write of a unit only, for a statement has one answer.
        """
        if rows:
            self._rows.setdefault(write, []).extend(rows)
            if tell is not None:
                assert self._told is None, "there is a write already whose rows are asked for"
                self._told = write, tell

    def written(self) -> Mapping[Write, Sequence[Sequence[object]]]:
        """What was put and sent, the messages last but for the write whose rows are asked for."""
        asked = self._told and self._told[0]
        ordered = sorted(self._rows, key=lambda write: (write is asked, write is INSERT_OUTBOX))
        return {write: self._rows[write] for write in ordered}

    def answered(self, rows: Sequence[Row]) -> None:
        """What the statement of all that was put has returned: to be told after the commit."""
        if self._told is not None:
            self.after_commit(partial(self._told[1], rows))

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
