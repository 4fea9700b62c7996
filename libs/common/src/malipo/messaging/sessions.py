"""How a session with PostgreSQL begins: it has to be ours alone, and is told how it is to be kept by a statement."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, cast

import asyncpg
import msgspec

COMMAND_SECONDS = 10
"""A statement that takes longer is as good as lost: every one of ours takes milliseconds."""

_LOOKS = 20
_LOOK_SECONDS = 0.1
_NO_ROW = "SELECT 0"
LOCK_CLASS = 0x6D616C70
"""Of all advisory locks that are held by a session: "malp". The second key is the shard that a relay holds."""
_LOCK = (LOCK_CLASS, -1)  # of no shard
_TAKE = "SELECT pg_backend_pid(), pg_advisory_lock_shared({}, {})".format(*_LOCK)
_TAKEN = (
    "SELECT FROM pg_locks WHERE pid = {pid} AND locktype = 'advisory' AND objsubid = 2"
    f" AND (classid, objid) = ({_LOCK[0]}::oid, ({_LOCK[1]})::integer::oid)"
)

_KEPT = {
    # A machine that loses its power says no goodbye: without these its locks would be held for two hours.
    "tcp_keepalives_idle": "5",
    "tcp_keepalives_interval": "2",
    "tcp_keepalives_count": "3",
    "idle_in_transaction_session_timeout": "15s",
    # What is asked often has an index, and is planned once for a session: on a table that was empty that day, PostgreSQL would
    # plan to read all of it, and do so as it grows, until it is analyzed.
    "enable_seqscan": "off",
    # By itself it would plan nearly each of ours anew, with every argument's value, and come to the same plan: that takes
    # longer than to run it.
    "plan_cache_mode": "force_generic_plan",
}


class SharedSession(ConnectionError):
    """What one session leaves behind is the next one's."""

    def __init__(self) -> None:
        super().__init__(
            "DATABASE_URL leads to a pooler in transaction mode:"
            " Malipo needs PostgreSQL itself, or session mode with `server_reset_query = DISCARD ALL`"
        )


class Sessions:
    """Begins each session of one pool, or of one connection: with what all are kept by, and `more` parameters of PostgreSQL's.

    They are set by a statement: poolers do not pass on what a connection's first message sets. Through one it is made sure
    first, once, that a session is ours alone, without a statement that is prepared: what another has prepared might be run.
    """

    def __init__(self, database_url: str, more: Mapping[str, str] | None = None) -> None:
        parameters = _KEPT | dict(more or {})
        set_all = ", ".join(f"set_config('{name}', '{value}', false)" for name, value in parameters.items())
        self._url = database_url
        self._set = f"SELECT {set_all}"
        self._pooled = False

    async def begin(self, connection: Any) -> None:
        """Set the parameters, and have jsonb columns be Python objects.

        Raises `SharedSession`, and what PostgreSQL or the network raises.
        """
        if self._pooled or await self._through_pooler(connection):
            await connection.execute(self._set)
        await connection.set_type_codec("jsonb", encoder=_json, decoder=msgspec.json.decode, schema="pg_catalog")

    async def _through_pooler(self, connection: Any) -> bool:
        """Set the parameters if nothing is between, as the server's process is the one that was named as we connected."""
        set_by_server = f"{self._set} WHERE pg_backend_pid() = {connection.get_server_pid()}"
        if await connection.execute(set_by_server) == _NO_ROW:
            await _refuse_shared(self._url, connection)
            self._pooled = True
        return self._pooled


async def _refuse_shared(database_url: str, connection: Any) -> None:
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
    connection = await connect(database_url, timeout=COMMAND_SECONDS, command_timeout=COMMAND_SECONDS)
    try:
        await connection.copy_from_query(_TAKE, output=take)
    finally:
        connection.terminate()
    return int(answer.split()[0])


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
