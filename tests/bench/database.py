"""A connection to one of the databases, without the limits that services put on a statement's time."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any, cast

import asyncpg


@asynccontextmanager
async def connected(url: str) -> AsyncGenerator[Any]:
    """A connection of asyncpg's, which has no types, while the block lasts."""
    connection = cast("Any", await asyncpg.connect(url))  # pyright: ignore[reportUnknownMemberType]
    try:
        yield connection
    finally:
        await connection.close()


async def tidy(url: str) -> None:
    """Let PostgreSQL do now what it would do sooner or later, in the middle of a measurement."""
    async with connected(url) as connection:
        await connection.execute("VACUUM ANALYZE")
        await connection.execute("CHECKPOINT")
