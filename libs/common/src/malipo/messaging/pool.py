"""The connection pool, and which errors mean that the database is away rather than that we are wrong."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager, suppress
from datetime import datetime
from typing import Any, Protocol, cast

import asyncpg
from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_base,
    retry_if_exception,
    retry_if_exception_type,
    wait_exponential,
)

from malipo.messaging.sessions import COMMAND_SECONDS, Sessions
from malipo.platform.logs import log

Row = Mapping[str, Any]
"""One row of an answer."""


class Queries(Protocol):
    """What can be asked of a connection, or of any free one."""

    async def fetch(self, query: str, *args: object) -> Sequence[Row]:
        """All rows."""
        ...

    async def fetchrow(self, query: str, *args: object) -> Row | None:
        """The first row."""
        ...

    async def fetchval(self, query: str, *args: object) -> Any:
        """The first value of the first row."""
        ...


async def time_of(source: Queries) -> datetime:
    """The database's own time, in UTC: of what is dated or waited for, where a process's clock may be wrong.

    Within a transaction it is always the same, and what its statements put down.
    """
    return await source.fetchval("SELECT now()")


def without_nul(text: str) -> str:
    """The text as PostgreSQL can hold it: its text takes no NUL."""
    return text.replace("\0", "\ufffd")


class Statements(Queries, Protocol):
    """What can be asked for within one transaction."""

    async def execute(self, query: str, *args: object) -> str:
        """The command's tag, e.g. `UPDATE 3`."""
        ...


class Connection(Statements, Protocol):
    """The part of asyncpg's connection that we use; asyncpg ships no types."""

    def transaction(self) -> AbstractAsyncContextManager[object]:
        """One transaction, committed when the block ends."""
        ...

    async def add_listener(self, channel: str, callback: "Callable[[Connection, int, str, object], None]") -> None:
        """Have `callback` called with this connection, the notifying process's id, the channel and the payload."""
        ...

    def get_server_pid(self) -> int:
        """The id of the server's process for this session."""
        ...

    def is_closed(self) -> bool:
        """Whether the server or we have hung up."""
        ...

    def terminate(self) -> None:
        """Hang up without a farewell."""
        ...


class Pool(Protocol):
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


_MAX_START_DELAY_SECONDS = 5.0
_MAX_DELAY_SECONDS = 1.0  # an answer is to be written before its lease is taken over

AWAY: tuple[type[Exception], ...] = (
    OSError,  # refused, reset, and TimeoutError
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.TooManyConnectionsError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.ReadOnlySQLTransactionError,  # connected to what has become a replica
    asyncpg.QueryCanceledError,
    asyncpg.InternalClientError,  # the session ended while asyncpg was between two states: magicstack/asyncpg issue 1069
)
"""Errors after which the same work may be tried again later, unchanged. There is no other way to say it."""

_MESSAGE_FAULTS = ("21", "22", "23")  # SQLSTATE classes: cardinality, data, integrity constraint violation

CONFLICT = (asyncpg.DeadlockDetectedError, asyncpg.SerializationError, asyncpg.UniqueViolationError)
"""Errors after which the same unit may be tried again at once, on what is there now: somebody else was faster."""


class DatabaseNotReady(ConnectionError):
    """No connection: the service has just started, or PostgreSQL is away. One of `AWAY`."""


def blames_message(error: Exception) -> bool:
    """Whether an error is about what was being applied, and not about a database that is away, full or out of date.

    Everything else of PostgreSQL's would hit the next message just the same: dead-lettering would drain a whole topic.
    """
    if isinstance(error, asyncpg.PostgresError):
        sqlstate: str = getattr(error, "sqlstate", None) or ""
        return sqlstate[:2] in _MESSAGE_FAULTS
    if isinstance(error, asyncpg.InterfaceError):
        return isinstance(error, ValueError)  # a value that asyncpg cannot encode
    return not isinstance(error, AWAY)


async def create_pool(database_url: str, connections: int, tell: Callable[[str], None] = lambda _: None) -> Pool:
    """A pool that speaks jsonb as Python objects; keeps trying, with back-off, until PostgreSQL answers.

    `tell` learns why each try has failed, as for a health page.
    """
    sessions = Sessions(database_url)

    async def begin(connection: Connection) -> None:
        with _loss_is_away(connection):
            await sessions.begin(connection)

    async def create() -> Pool:
        pool = await asyncpg.create_pool(  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
            database_url,
            min_size=2,
            max_size=connections,
            command_timeout=COMMAND_SECONDS,
            timeout=COMMAND_SECONDS,
            init=begin,
            reset=_leave_as_it_is,
        )
        return cast("Pool", pool)

    errors = (*AWAY, asyncpg.PostgresError, asyncpg.InterfaceError)  # also: not created yet, wrong password
    return await _until_back(retry_if_exception_type(errors), "a pool", _MAX_START_DELAY_SECONDS, tell)(create)


async def when_back[R](write: Callable[[], Awaitable[R]], what: str) -> R:
    """What `write` returns, tried again for as long as the database accepts nothing: for what must not be lost meanwhile.

    Away or full or at odds with others is all the same; what is wrong with the write itself is raised, as
    `blames_message` tells them apart.

    It may have been committed although it seemed to fail: a second time it must find so. Who calls this bounds how many wait.
    """

    async def once() -> R:
        return await write()

    return await _until_back(retry_if_exception(_is_the_databases), what, _MAX_DELAY_SECONDS)(once)


def _is_the_databases(error: BaseException) -> bool:
    return isinstance(error, (*AWAY, asyncpg.PostgresError)) and not blames_message(error)


def _until_back(
    again: retry_base, what: str, max_seconds: float, tell: Callable[[str], None] = lambda _: None
) -> AsyncRetrying:
    said = ""

    def log_wait(state: RetryCallState) -> None:
        nonlocal said
        assert state.outcome is not None
        error = state.outcome.exception()
        if said != repr(error):  # once for each reason, however long it takes
            log.warning("database away", waiting=what, error=repr(error))
        said = repr(error)
        tell(str(error) or said)

    return AsyncRetrying(retry=again, wait=wait_exponential(0.1, max=max_seconds), before_sleep=log_wait)


async def _leave_as_it_is(_connection: Any) -> None:
    """Nothing of ours outlives its transaction, so there is nothing to reset: a round trip saved at every loan.

    A transaction that is still open is rolled back by asyncpg itself.
    """


@asynccontextmanager
async def acquire(pool: Pool) -> AsyncGenerator[Connection]:
    """A connection of the pool's while the block lasts. Raises one of `AWAY` when the server is lost meanwhile."""
    async with pool.acquire() as connection:
        with _loss_is_away(connection):
            yield connection


@asynccontextmanager
async def connected(
    database_url: str, *, idle_seconds: int = 0, waits_for_disk: bool = True
) -> AsyncGenerator[Connection]:
    """A connection of one's own while the block lasts, for session locks; hung up without a farewell.

    The server ends it when nothing was asked for `idle_seconds`; 0 is never. Unless it `waits_for_disk`, what it has committed
    last may be undone when the server crashes.
    """
    more = {"idle_session_timeout": f"{idle_seconds}s"} | ({} if waits_for_disk else {"synchronous_commit": "off"})
    connect = cast("Callable[..., Awaitable[Connection]]", asyncpg.connect)  # pyright: ignore[reportUnknownMemberType]
    connection = await connect(
        database_url,
        command_timeout=COMMAND_SECONDS,
        timeout=COMMAND_SECONDS,
    )
    try:
        with _loss_is_away(connection):
            await Sessions(database_url, more).begin(connection)
            yield connection
    finally:
        connection.terminate()


@contextmanager
def _loss_is_away(connection: Connection) -> Generator[None]:
    """Asyncpg calls it an interface error both when the connection is gone and when a statement of ours is wrong."""
    try:
        yield
    except asyncpg.InternalClientError:
        with suppress(asyncpg.InterfaceError):
            connection.terminate()  # it would never answer again
        raise
    except asyncpg.InterfaceError as error:
        if _is_lost(connection):
            raise DatabaseNotReady from error
        raise


def _is_lost(connection: Connection) -> bool:
    try:
        return connection.is_closed()
    except asyncpg.InterfaceError:  # the pool took it back when it broke
        return True
