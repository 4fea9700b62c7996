"""A connection to PostgreSQL, as whoever its URL names."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any, cast

_PATIENCE_SECONDS = 20


@asynccontextmanager
async def connected(url: str) -> AsyncGenerator[Any]:
    """A connection of one's own while the block lasts. Raises what asyncpg raises."""
    import asyncpg  # only here: a command that asks nothing need not wait for it

    # asyncpg has no types.
    opened = await asyncpg.connect(url, timeout=_PATIENCE_SECONDS)  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    connection = cast("Any", opened)
    try:
        yield connection
    finally:
        await connection.close()
