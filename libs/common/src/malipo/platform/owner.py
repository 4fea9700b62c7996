"""A connection as the role that owns a service's tables, and changes to these that hold nobody up for long."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, cast

import asyncpg

from malipo import ids
from malipo.platform import poolers
from malipo.platform.database_trouble import trouble
from malipo.platform.database_url import CONNECT_SECONDS

Connection = Any
"""asyncpg's, which has no types."""

_TRIES = 5
LOCK_SECONDS = 1
"""While a lock is waited for, who comes later waits behind it."""
_PAUSE_SECONDS = 1.0
_LOCK = 0x6D616C72  # "malr": one of these changes at a time
IN_THE_WAY = (asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError)
"""What says that another session holds what was to be locked."""


class Unreachable(Exception):
    """Says why, for whoever has set `DATABASE_URL`; nothing secret is in it."""


class TablesInUse(Exception):
    """Somebody else is at work on the tables, or holds one for longer than it was waited for, as a report or a backup does."""


async def connect(database_url: str) -> Connection:
    """A connection, by the URL as asyncpg reads it, which is how services do, whose session is ours alone. Raises `Unreachable`.

    In one that is others', too, our locks would stay when we have gone, and keep away whoever comes later.
    """
    try:
        opened = cast("Connection", await asyncpg.connect(database_url, timeout=CONNECT_SECONDS))  # pyright: ignore[reportUnknownMemberType]
        try:
            if not await poolers.directly(opened, "SELECT"):
                await poolers.refuse_shared(database_url, opened)
        except BaseException:
            opened.terminate()
            raise
    except poolers.SharedSession as error:
        raise Unreachable(str(error)) from error
    except (OSError, asyncpg.PostgresError) as error:
        raise Unreachable(trouble(database_url, error)) from error
    return opened


@asynccontextmanager
async def owning(database_url: str) -> AsyncGenerator[Connection]:
    """A connection of one's own while the block lasts, and no other has one. Raises `Unreachable` or `TablesInUse`."""
    connection = await connect(database_url)
    try:
        if not await connection.fetchval(f"SELECT pg_try_advisory_lock({_LOCK})"):
            msg = "another `retention` or `migrate` is at work on the months"
            raise TablesInUse(msg)
        yield connection
    finally:
        await connection.close()


async def briefly[T](connection: Connection, what: str, work: Callable[[], Awaitable[T]]) -> T:
    """What `work` answers in one transaction, tried anew while others hold what it has to lock.

    It waits for no lock longer than a second, for until then all others wait as well. Raises `TablesInUse`.
    """

    async def once() -> T:
        try:
            async with connection.transaction():
                await connection.execute(f"SET LOCAL lock_timeout = '{LOCK_SECONDS}s'")
                return await work()
        except IN_THE_WAY as error:
            msg = f"{what}: another session holds the table, as a report or a backup does"
            raise TablesInUse(msg) from error

    return await until_free(once, _TRIES, _PAUSE_SECONDS)


async def until_free[T](
    once: Callable[[], Awaitable[T]], tries: int, pause_seconds: float, tell: Callable[[str], None] = lambda _: None
) -> T:
    """What `once` answers, tried anew while it raises `TablesInUse`, as the last try does; `tell` learns why, each time."""
    for left in reversed(range(tries)):
        try:
            return await once()
        except TablesInUse as why:
            if not left:
                raise
            tell(f"{why}; tried again, {left} times at most")
        await asyncio.sleep(pause_seconds * ids.jitter(0.5))
    raise AssertionError
