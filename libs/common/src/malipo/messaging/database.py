"""The connection pool, and which errors mean that the database is away rather than that we are wrong."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol, cast

import asyncpg

from malipo.platform.logs import log

Row = Mapping[str, Any]
"""One row of an answer."""


class Queries(Protocol):
    """What a connection and a pool can both be asked; a pool takes any free connection for it."""

    async def fetch(self, query: str, *args: object) -> Sequence[Row]:
        """All rows."""
        ...

    async def fetchrow(self, query: str, *args: object) -> Row | None:
        """The first row."""
        ...

    async def fetchval(self, query: str, *args: object) -> Any:
        """The first value of the first row."""
        ...

    async def execute(self, query: str, *args: object) -> str:
        """The command's tag, e.g. `UPDATE 3`."""
        ...


class Connection(Queries, Protocol):
    """The part of asyncpg's connection that we use; asyncpg ships no types."""

    def transaction(self) -> AbstractAsyncContextManager[object]:
        """One transaction, committed when the block ends."""
        ...

    def is_closed(self) -> bool:
        """Whether the server or we have hung up."""
        ...

    def terminate(self) -> None:
        """Hang up without a farewell."""
        ...


class Pool(Queries, Protocol):
    """The part of asyncpg's pool that we use."""

    def acquire(self) -> AbstractAsyncContextManager[Connection]:
        """A connection of one's own while the block lasts."""
        ...

    async def close(self) -> None:
        """Wait for what runs, then hang up."""
        ...

    def terminate(self) -> None:
        """Hang up at once."""
        ...


COMMAND_SECONDS = 10
"""A statement that takes longer is as good as lost: every one of ours takes milliseconds."""

AWAY: tuple[type[Exception], ...] = (
    OSError,  # refused, reset, and TimeoutError
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.TooManyConnectionsError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.ReadOnlySQLTransactionError,  # connected to what has become a replica
    asyncpg.QueryCanceledError,
)
"""Errors after which the same work may be tried again later, unchanged."""

CONFLICT = (asyncpg.DeadlockDetectedError, asyncpg.SerializationError)
"""Errors after which the same transaction may be tried again at once."""


class DatabaseNotReady(ConnectionError):
    """No pool yet: the service has just started, or PostgreSQL is away."""


async def create_pool(database_url: str, connections: int) -> Pool:
    """A pool that speaks jsonb as Python objects; keeps trying, with back-off, until PostgreSQL answers."""
    delay_seconds = 0.1
    while True:
        try:
            pool = await asyncpg.create_pool(  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
                database_url,
                min_size=2,
                max_size=connections,
                command_timeout=COMMAND_SECONDS,
                timeout=COMMAND_SECONDS,
                init=prepare,
            )
            return cast("Pool", pool)
        except AWAY as error:
            log.warning("database away", error=repr(error), retry_in_seconds=delay_seconds)
            await asyncio.sleep(delay_seconds)
            delay_seconds = min(delay_seconds * 2, 5)


async def prepare(connection: Any) -> None:
    """Teach one connection that jsonb columns are Python objects."""
    await connection.set_type_codec("jsonb", encoder=json.dumps, decoder=json.loads, schema="pg_catalog")


async def connect(database_url: str) -> Connection:
    """A connection outside the pool, for session locks."""
    connection = await asyncpg.connect(  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
        database_url, command_timeout=COMMAND_SECONDS, timeout=COMMAND_SECONDS
    )
    await prepare(connection)
    return cast("Connection", connection)
