"""The unit of work: one transaction in which state, inbox and outbox change together."""

import zlib
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from malipo import ids
from malipo.contracts.message import Message, encode
from malipo.contracts.topics import Topic
from malipo.messaging.database import Connection, DatabaseNotReady, Pool, Row, lent
from malipo.messaging.writes import Write, arguments, insert, statement
from malipo.platform.client import in_transaction
from malipo.platform.tracing import carrier

SHARDS = 4
"""Relays that can work side by side on one outbox; a key always falls into the same one."""

MAX_PAYLOAD_BYTES = 900_000
"""Below Kafka's default limit of 1 MiB, headers included."""

MESSAGE_ID = "message-id"

OUTBOX = insert(
    "outbox",
    {"message_id": "text", "shard": "smallint", "topic": "text", "key": "text", "headers": "jsonb", "payload": "bytea"},
)
_INSERT_INBOX = """
INSERT INTO inbox (consumer, message_id)
SELECT $1, * FROM unnest($2::text[]) ON CONFLICT DO NOTHING RETURNING message_id
"""


class MessageTooLarge(ValueError):
    """A payload that Kafka would refuse."""


@dataclass(slots=True)
class Unit:
    """An open transaction. What it sends becomes visible to others with the commit, or not at all."""

    connection: Connection
    _rows: dict[Write, list[Sequence[object]]] = field(default_factory=dict[Write, list[Sequence[object]]])
    _after: list[Callable[[], None]] = field(default_factory=list[Callable[[], None]])

    def send(self, topic: Topic, key: str, message: Message, *, headers: Mapping[str, str] | None = None) -> str:
        """Put `message` into the outbox under a new message id, and answer that.

        `headers` carries on the trace and client reference of the message that caused this one; without it the
        current trace is used. Messages of one key reach Kafka in the order in which they were sent here.
        """
        carried = carrier() if headers is None else dict(headers)
        message_id = ids.new("msg")
        self.send_raw(topic.name, key, encode(message), carried | {MESSAGE_ID: message_id})
        return message_id

    def send_raw(self, topic: str, key: str, payload: bytes, headers: dict[str, str]) -> None:
        """Put bytes that are not a message of ours into the outbox: a dead letter.

        Raises `MessageTooLarge` above what Kafka takes: such a row would stop its key's messages for ever.
        """
        if len(payload) > MAX_PAYLOAD_BYTES:
            raise MessageTooLarge(topic, len(payload))
        self.put(OUTBOX, [(headers[MESSAGE_ID], shard_of(key), topic, key, headers, payload)])

    def put(self, write: Write, rows: Sequence[Sequence[object]]) -> None:
        """Have these rows written at the commit: all that was put and sent is one statement, which nothing sees before.

        No row of a table may be in two writes of one unit.
        """
        if rows:
            self._rows.setdefault(write, []).extend(rows)

    def after_commit(self, act: Callable[[], None]) -> None:
        """Do this once the transaction is committed, and not at all when it is not: count, log, wake."""
        self._after.append(act)

    def committed(self) -> None:
        """Do what waited for the commit."""
        for act in self._after:
            act()

    async def receive(self, consumer: str, message_ids: Sequence[str]) -> set[str]:
        """Note that `consumer` has got these messages; answers those that it had not got before."""
        rows = await self.connection.fetch(_INSERT_INBOX, consumer, message_ids)
        return {row["message_id"] for row in rows}

    async def flush(self) -> bool:
        """Write what was put and sent; answers whether anything was sent."""
        sent = self._rows.pop(OUTBOX, None)
        rows = self._rows | ({OUTBOX: sent} if sent else {})
        if rows:
            await self.connection.execute(statement(tuple(rows)), *arguments(rows))
        return sent is not None


def shard_of(key: str) -> int:
    """The shard of the outbox that keeps this key's messages in order."""
    return zlib.crc32(key.encode()) % SHARDS


class Reads:
    """Statements that change nothing, each on any free connection. Raises one of `AWAY`."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def fetch(self, query: str, *args: object) -> Sequence[Row]:
        """All rows."""
        async with lent(self._pool) as connection:
            return await connection.fetch(query, *args)

    async def fetchrow(self, query: str, *args: object) -> Row | None:
        """The first row."""
        async with lent(self._pool) as connection:
            return await connection.fetchrow(query, *args)

    async def fetchval(self, query: str, *args: object) -> Any:
        """The first value of the first row."""
        async with lent(self._pool) as connection:
            return await connection.fetchval(query, *args)


class Units:
    """Opens units on the service's pool, and lets what they caused begin once they are committed."""

    def __init__(self, nudge: Callable[[], None]) -> None:
        self._nudge = nudge
        self._pool: Pool | None = None

    @property
    def reads(self) -> Reads:
        """For statements that need no unit. Raises `DatabaseNotReady`."""
        return Reads(self._require_pool())

    async def write(self, query: str, *args: object) -> Sequence[Row]:
        """One statement that is a transaction of its own, without BEGIN and COMMIT: committed once this returns.

        Answers the rows of its RETURNING. Nothing can be sent along: for that there is `begin`. Raises one of `AWAY`, or
        what PostgreSQL has against the statement.
        """
        async with lent(self._require_pool()) as connection:
            return await connection.fetch(query, *args)

    def use(self, pool: Pool | None) -> None:
        """Give or take away the pool as the service starts and stops."""
        self._pool = pool

    def _require_pool(self) -> Pool:
        if self._pool is None:
            raise DatabaseNotReady
        return self._pool

    @asynccontextmanager
    async def begin(self) -> AsyncGenerator[Unit]:
        """One transaction: commits when the block ends, rolls back when it raises. Beside it only `write` commits."""
        async with lent(self._require_pool()) as connection:
            token = in_transaction.set(True)
            try:
                async with connection.transaction():
                    unit = Unit(connection)
                    yield unit
                    if await unit.flush():
                        unit.after_commit(self._nudge)
            finally:
                in_transaction.reset(token)
        unit.committed()
