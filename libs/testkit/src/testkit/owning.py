"""Statements that a service may not run, for tests that change tables: by the role that owns them."""

from typing import Any, cast
from urllib.parse import urlsplit

import asyncpg


def owners(database_url: str) -> str:
    """The URL of a test's database for its owner, whose password is that of the role that serves."""
    role = urlsplit(database_url).username
    return database_url.replace(f"//{role}:", f"//{role}_owner:", 1)


async def as_owner(database_url: str, *statements: str) -> None:
    """Run statements by the owner of the database that this URL of a service leads to."""
    connection = cast("Any", await asyncpg.connect(owners(database_url)))  # pyright: ignore[reportUnknownMemberType]
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()
