"""How an operator's command reaches its service's database, and what it prints when that is away or was never migrated."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import NoReturn

import asyncpg
import typer

from malipo.messaging.database import Database
from malipo.messaging.pool import AWAY, create_pool
from malipo.platform import settings
from malipo.platform.settings import ServiceSettings

CONNECT_SECONDS = 10
_CONNECTIONS = 2
_TOO_OLD = (asyncpg.UndefinedTableError, asyncpg.UndefinedColumnError)


def run[T](settings_type: type[ServiceSettings], work: Callable[[Database], Awaitable[T]]) -> T:
    """What `work` answers on the database of the service with these settings; a running replica relays what it sends.

    Ends the command with a line about what to do when the database does not answer, or lacks a table.
    """
    url = settings.load(settings_type).database_url.get_secret_value()
    package = settings_type.__module__.partition(".")[0]
    try:
        return asyncio.run(_done(url, work))
    except _TOO_OLD:
        fail(f"the database is empty or old: run `python -m {package} migrate` first")
    except AWAY:
        fail("the database does not answer: check DATABASE_URL")


@asynccontextmanager
async def database_of(database_url: str) -> AsyncGenerator[Database]:
    """Units on a pool of one's own while the block lasts; waits for PostgreSQL for as long as it is let."""
    pool = await create_pool(database_url, _CONNECTIONS)
    database = Database()
    database.use(pool)
    try:
        yield database
    finally:
        pool.terminate()


def fail(reason: str) -> NoReturn:
    """End the command: the reason goes to people, exit code 1 to programs."""
    typer.echo(reason, err=True)
    raise typer.Exit(1) from None


async def _done[T](database_url: str, work: Callable[[Database], Awaitable[T]]) -> T:
    async with asyncio.timeout(CONNECT_SECONDS) as patience, database_of(database_url) as database:
        patience.reschedule(None)  # it is there: a statement has a limit of its own
        return await work(database)
