"""Runs a service's own alembic migrations, which ship inside its package."""

import asyncio
import importlib.resources
from collections.abc import Sequence
from io import StringIO
from operator import methodcaller
from typing import Any

import asyncpg
from alembic import command, context, op
from alembic.config import Config
from sqlalchemy import Connection, MetaData, pool
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine

_INSUFFICIENT_PRIVILEGE = "42501"
_LOCK = 0x6D616C69  # "mali": one migration at a time, however many replicas start


class NotTheOwner(Exception):
    """The role may not make or change tables: it is the one that serves."""


def migrate(package: str, database_url: str) -> None:
    """Bring the database to the newest revision of `<package>/migrations`; safe to run at every start. Raises `NotTheOwner`."""
    try:
        command.upgrade(_config(package, database_url), "head")
    except (DBAPIError, asyncpg.InsufficientPrivilegeError) as error:
        cause: object = getattr(error, "orig", error)  # SQLAlchemy's own error has PostgreSQL's within
        if getattr(cause, "sqlstate", "") == _INSUFFICIENT_PRIVILEGE:
            raise NotTheOwner from error
        raise


def check(package: str, database_url: str) -> None:
    """Compare the database, which is at the newest revision, with the tables of the package.

    Raises `alembic.util.CommandError` that names each table, column, type, default and index which only one side has.
    """
    command.check(_config(package, database_url))


def _config(package: str, database_url: str) -> Config:
    config = Config(stdout=StringIO())  # what alembic says of itself is nobody's answer
    config.set_main_option("script_location", str(importlib.resources.files(package) / "migrations"))
    config.attributes["database_url"] = database_url
    return config


def script(sql: str) -> None:
    """Run several statements within the migration's transaction; for use in a revision's `upgrade`.

    `op.execute` prepares what it is given, and PostgreSQL prepares one statement at a time.
    """
    adapted: Any = op.get_bind().connection.dbapi_connection
    adapted.run_async(methodcaller("execute", sql))


def run_from_env(*tables: MetaData) -> None:
    """What each service's `migrations/env.py` calls, with all tables that its database is to have."""
    asyncio.run(_run(context.config.attributes["database_url"], tables))


async def _run(database_url: str, tables: Sequence[MetaData]) -> None:
    async def connect() -> Any:
        """By the URL as asyncpg reads it, which is how the service does."""
        return await asyncpg.connect(database_url)  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]

    engine = create_async_engine("postgresql+asyncpg://", poolclass=pool.NullPool, async_creator=connect)
    async with engine.connect() as connection:
        await connection.run_sync(_upgrade, tables)
        await connection.commit()
    await engine.dispose()


def _upgrade(connection: Connection, tables: Sequence[MetaData]) -> None:
    connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")
    context.configure(
        connection=connection,
        transaction_per_migration=False,
        target_metadata=tables,
        compare_server_default=True,
    )
    with context.begin_transaction():
        context.run_migrations()
