"""Keeps what the databases do by themselves out of what is measured."""

from malipo_local.connection import connected


async def tidy(url: str) -> None:
    """Let PostgreSQL do now what it would do sooner or later, in the middle of a measurement."""
    async with connected(url) as connection:
        await connection.execute("VACUUM ANALYZE")
        await connection.execute("CHECKPOINT")
