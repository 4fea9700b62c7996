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
from alembic.runtime.environment import EnvironmentContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, MetaData, pool
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine

from malipo.platform import partitions
from malipo.platform.months import monthly_of
from malipo.platform.owner import TablesInUse, Unreachable, connect, owning

_INSUFFICIENT_PRIVILEGE = "42501"
_LOCK = 0x6D616C69  # "mali": one migration at a time, however many replicas start
_PARTS = "SELECT relname FROM pg_class WHERE relispartition"
_ROLES = "SELECT current_user, pg_get_userbyid(datdba) FROM pg_database WHERE datname = current_database()"


class NotMigrated(Exception):
    """Says why, for whoever has set `DATABASE_URL`; nothing secret is in it."""


def migrate(package: str, database_url: str) -> str:
    """Bring the database to the newest revision of `<package>/migrations`; safe to run at every start.

    Makes the next months of tables that are kept by month, too; that those cannot be made now stops no release, for rows that
    have no month of their own are kept as well. Answers what was done, in words. Raises `NotMigrated` where the server, the role
    or the database is the wrong one.
    """
    config = _config(package, database_url)
    try:
        command.upgrade(config, "head")
        before, after = config.attributes["revisions"]
        left = asyncio.run(_make_months(database_url, config.attributes["tables"]))
    except (CommandError, Unreachable) as error:  # a revision that this release does not have, or no server
        raise NotMigrated(str(error)) from error
    done = f"at {after}" if before != after else f"nothing to do: at {after}"
    return f"{done}; {left}: run `python -m {package} retention` later" if left else done


def check(package: str, database_url: str) -> None:
    """Compare the database, which is at the newest revision, with the tables of the package.

    Raises `alembic.util.CommandError` that names each table, column, type, default and index which only one side has.
    """
    command.check(_config(package, database_url))


def tables_of(package: str) -> Sequence[MetaData]:
    """All tables that the package's database is to have, as its `migrations/env.py` names them."""
    config = _config(package, "")
    directory = ScriptDirectory.from_config(config)
    with EnvironmentContext(config, directory):
        directory.run_env()
    return config.attributes["tables"]


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
    context.config.attributes["tables"] = tables
    if database_url := context.config.attributes["database_url"]:
        asyncio.run(_run(database_url, tables))


async def _make_months(database_url: str, tables: Sequence[MetaData]) -> str | None:
    """Answers why some could not be made now, if that is so."""
    try:
        async with owning(database_url) as connection:
            try:
                await partitions.make_ahead(connection, monthly_of(tables))
            except asyncpg.InsufficientPrivilegeError as error:
                raise _by_another(*await connection.fetchrow(_ROLES)) from error
    except TablesInUse as why:
        return str(why)
    return None


async def _run(database_url: str, tables: Sequence[MetaData]) -> None:
    async def creator() -> Any:
        return await connect(database_url)

    engine = create_async_engine("postgresql+asyncpg://", poolclass=pool.NullPool, async_creator=creator)
    async with engine.connect() as connection:
        await connection.run_sync(_upgrade, tables)
        await connection.commit()
    await engine.dispose()


def _upgrade(connection: Connection, tables: Sequence[MetaData]) -> None:
    role, owner = connection.exec_driver_sql(_ROLES).one()
    connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")
    parts = set(connection.exec_driver_sql(_PARTS).scalars())
    context.configure(
        connection=connection,
        transaction_per_migration=False,
        target_metadata=tables,
        compare_server_default=True,
        include_name=lambda name, kind, _of: kind != "table" or name not in parts,
    )
    try:
        before = context.get_context().get_current_revision()
        with context.begin_transaction():
            context.run_migrations()
    except (DBAPIError, asyncpg.InsufficientPrivilegeError) as error:
        if not _lacks_rights(error):
            raise
        raise _by_another(role, owner) from error
    context.config.attributes["revisions"] = before, context.get_context().get_current_revision()


def _by_another(role: str, owner: str) -> NotMigrated:
    return NotMigrated(
        f"DATABASE_URL's role {role} may not change tables; to migrate takes {owner}, who owns the database"
    )


def _lacks_rights(error: Exception) -> bool:
    cause: object = getattr(error, "orig", error)  # SQLAlchemy's own error has PostgreSQL's within
    return getattr(cause, "sqlstate", "") == _INSUFFICIENT_PRIVILEGE
