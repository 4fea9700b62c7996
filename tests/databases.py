"""Statements on the databases of a stack's services: what a test looks at, or has happen as time or a person would do it."""

import asyncio
from typing import Any

from malipo_local import Stack
from malipo_local.connection import connected


def sql(stack: Stack, service: str, statement: str, *values: Any) -> Any:
    """The first value of what a statement answers, for the administrator."""

    async def fetch() -> Any:
        async with connected(stack.administrator_url(service)) as connection:
            return await connection.fetchval(statement, *values)

    return asyncio.run(fetch())


def execute(stack: Stack, service: str, statement: str, *values: Any) -> str:
    """Change a service's database; what PostgreSQL says of it, such as `UPDATE 1`."""

    async def run() -> str:
        async with connected(stack.administrator_url(service)) as connection:
            return await connection.execute(statement, *values)

    return asyncio.run(run())
