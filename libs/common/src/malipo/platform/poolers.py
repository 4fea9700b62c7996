"""Tells whether a pooler between us and PostgreSQL gives our session to others, who would find in it what we left behind."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, cast

import asyncpg

from malipo.platform.database_url import CONNECT_SECONDS

LOCK_CLASS = 0x6D616C70
"""Of all advisory locks that services' sessions hold: "malp". The second key is the shard that a relay holds."""

_LOOKS = 20
_LOOK_SECONDS = 0.1
_NO_ROW = "SELECT 0"
_LOCK = (LOCK_CLASS, -1)  # of no shard
_TAKE = "SELECT pg_backend_pid(), pg_advisory_lock_shared({}, {})".format(*_LOCK)
_TAKEN = (
    "SELECT FROM pg_locks WHERE pid = {pid} AND locktype = 'advisory' AND objsubid = 2"
    f" AND (classid, objid) = ({_LOCK[0]}::oid, ({_LOCK[1]})::integer::oid)"
)


class SharedSession(ConnectionError):
    """What one session leaves behind is the next one's."""

    def __init__(self) -> None:
        super().__init__(
            "DATABASE_URL leads to a pooler in transaction mode:"
            " Malipo needs PostgreSQL itself, or session mode with `server_reset_query = DISCARD ALL`"
        )


async def directly(connection: Any, query: str) -> bool:
    """Run a query that has no condition if nothing is between, as the server's process is the one that was named as we connected.

    Answers whether that is so. Nothing is prepared: in a session that is shared, what another has prepared might be run.
    """
    return await connection.execute(f"{query} WHERE pg_backend_pid() = {connection.get_server_pid()}") != _NO_ROW


async def refuse_shared(database_url: str, connection: Any) -> None:
    """Raise `SharedSession` unless a lock of another session of ours is let go when that ends."""
    pid = await _locked(database_url)
    for _ in range(_LOOKS):
        if await connection.execute(_TAKEN.format(pid=pid)) == _NO_ROW:
            return
        await asyncio.sleep(_LOOK_SECONDS)
    raise SharedSession


async def _locked(database_url: str) -> int:
    """The server's process whose session took a lock, which has ended since."""
    answer = bytearray()

    async def take(data: bytes) -> None:
        answer.extend(data)

    connect = cast("Callable[..., Awaitable[Any]]", asyncpg.connect)  # pyright: ignore[reportUnknownMemberType]
    connection = await connect(database_url, timeout=CONNECT_SECONDS, command_timeout=CONNECT_SECONDS)
    try:
        await connection.copy_from_query(_TAKE, output=take)
    finally:
        connection.terminate()
    return int(answer.split()[0])
