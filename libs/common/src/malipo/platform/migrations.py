"""Runs a service's own alembic migrations, which ship inside its package."""

import asyncio
import importlib.resources
from operator import methodcaller
from typing import Any

from alembic import command, context, op
from alembic.config import Config
from sqlalchemy import Connection, pool
from sqlalchemy.ext.asyncio import create_async_engine

_LOCK = 0x6D616C69  # "mali": one migration at a time, however many replicas start


def migrate(package: str, database_url: str) -> None:
    """Bring the database to the newest revision of `<package>/migrations`; safe to run at every start."""
    config = Config()
    config.set_main_option("script_location", str(importlib.resources.files(package) / "migrations"))
    config.attributes["database_url"] = database_url
    command.upgrade(config, "head")


def script(sql: str) -> None:
    """Run several statements within the migration's transaction; for use in a revision's `upgrade`.

    `op.execute` prepares what it is given, and PostgreSQL prepares one statement at a time.
    """
    adapted: Any = op.get_bind().connection.dbapi_connection
    adapted.run_async(methodcaller("execute", sql))


def run_from_env() -> None:
    """What each service's `migrations/env.py` calls."""
    asyncio.run(_run(context.config.attributes["database_url"]))


async def _run(database_url: str) -> None:
    url = database_url.replace("postgresql://", "postgresql+asyncpg://", 1)
    engine = create_async_engine(url, poolclass=pool.NullPool)
    async with engine.connect() as connection:
        await connection.run_sync(_upgrade)
        await connection.commit()
    await engine.dispose()


def _upgrade(connection: Connection) -> None:
    connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")
    context.configure(connection=connection, transaction_per_migration=False)
    with context.begin_transaction():
        context.run_migrations()
