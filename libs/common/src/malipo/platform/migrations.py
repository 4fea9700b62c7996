"""Runs a service's own alembic migrations, which ship inside its package."""

import asyncio
import importlib.resources
from collections.abc import Callable, Sequence
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
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from malipo.platform import partitions
from malipo.platform.months import monthly_of
from malipo.platform.owner import IN_THE_WAY, LOCK_SECONDS, TablesInUse, Unreachable, connect, owning, until_free

_INSUFFICIENT_PRIVILEGE = "42501"
_IN_THE_WAY = {error.sqlstate for error in IN_THE_WAY}
_TRIES = 60
_PAUSE_SECONDS = 3.0  # so many tries last four minutes, for three quarters of which nobody waits behind them
_LOCK = 0x6D616C69  # "mali": one migration at a time, however many replicas start
_PARTS = "SELECT relname FROM pg_class WHERE relispartition"
_HOLDERS = """
SELECT string_agg(format('process %s (%s, %s)', pid, usename, coalesce(nullif(application_name, ''), 'no name')), ', ')
FROM pg_stat_activity WHERE pid = ANY(pg_blocking_pids($1))
"""
_CHAIN = "SELECT obj_description(to_regclass('alembic_version'), 'pg_class')"
_ROLES = "SELECT current_user, pg_get_userbyid(datdba) FROM pg_database WHERE datname = current_database()"


class NotMigrated(Exception):
    """Says why, for whoever has set `DATABASE_URL`; nothing secret is in it."""


def migrate(package: str, database_url: str, tell: Callable[[str], None] = lambda _: None) -> str:
    """Bring the database to the newest revision of `<package>/migrations`; safe to run at every start.

    One that a newer release has brought further stays as it is: that release only added to what this one needs. It waits for no
    lock longer than a second, for until then all others wait behind it; `tell` learns of each try of some minutes who was in the way.

    Makes the next months of tables that are kept by month, too; that those cannot be made now stops no release, for rows that
    have no month of their own are kept as well. Answers what was done, in words. Raises `NotMigrated` where the server, the role
    or the database is the wrong one.
    """
    config = _config(package, database_url, tell)
    try:
        command.upgrade(config, "head")
        done = config.attributes["done"]
        left = asyncio.run(_make_months(database_url, config.attributes["tables"]))
    except TablesInUse as error:
        msg = f"{error}: migrate when that has ended, or end it by `SELECT pg_terminate_backend(PROCESS)`"
        raise NotMigrated(msg) from error
    except (CommandError, Unreachable) as error:  # a revision of nobody's here, or no server
        raise NotMigrated(str(error)) from error
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


def _config(package: str, database_url: str, tell: Callable[[str], None] = lambda _: None) -> Config:
    config = Config(stdout=StringIO())  # what alembic says of itself is nobody's answer
    config.set_main_option("script_location", str(importlib.resources.files(package) / "migrations"))
    config.attributes.update(package=package, database_url=database_url, tell=tell)
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
    try:
        tell = context.config.attributes["tell"]
        await until_free(lambda: _try(engine, database_url, tables), _TRIES, _PAUSE_SECONDS, tell)
    finally:
        await engine.dispose()


async def _try(engine: AsyncEngine, database_url: str, tables: Sequence[MetaData]) -> None:
    async with engine.connect() as connection:
        pid = (await connection.exec_driver_sql("SELECT pg_backend_pid()")).scalar_one()
        asking = asyncio.create_task(_holders(database_url, pid))
        try:
            await connection.run_sync(_upgrade, tables)
            await connection.commit()
        except (DBAPIError, asyncpg.PostgresError) as error:
            if _sqlstate(error) not in _IN_THE_WAY:
                raise
            who = asking.result() if asking.done() else None
            msg = f"a table is in use by {who or 'another session, as a report or a backup'}"
            raise TablesInUse(msg) from error
        finally:
            asking.cancel()
            await asyncio.wait([asking])


async def _holders(database_url: str, pid: int) -> str | None:
    """Who holds what this session waits for, as soon as it waits: afterwards nobody can tell. Most have not to wait."""
    await asyncio.sleep(LOCK_SECONDS / 4)
    try:
        connection = await connect(database_url)
        try:
            while not (who := await connection.fetchval(_HOLDERS, pid)):  # noqa: ASYNC110 - nobody tells of it
                await asyncio.sleep(LOCK_SECONDS / 4)
            return who
        finally:
            await connection.close()
    except (Unreachable, OSError, asyncpg.PostgresError):  # which migrates nevertheless
        return None


def _upgrade(connection: Connection, tables: Sequence[MetaData]) -> None:
    role, owner = connection.exec_driver_sql(_ROLES).one()
    connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{LOCK_SECONDS}s'")
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
        context.config.attributes["done"] = _brought_up(connection)
    except (DBAPIError, asyncpg.InsufficientPrivilegeError) as error:
        if _sqlstate(error) != _INSUFFICIENT_PRIVILEGE:
            raise
        raise _by_another(role, owner) from error


def _brought_up(connection: Connection) -> str:
    """Answers what was done. Which revisions the database has been through, and whose they are, is kept beside the last one:
    a release tells by it what came after its own from what is another service's.
    """
    package: str = context.config.attributes["package"]
    chain = [package, *(one.revision for one in reversed(list(context.script.walk_revisions())))]
    known: list[str] = (connection.exec_driver_sql(_CHAIN).scalar() or package).split()
    if known[0] != package:
        msg = f"DATABASE_URL leads to the database of {known[0]}, not of {package}"
        raise NotMigrated(msg)
    before = context.get_context().get_current_revision()
    if len(known) > len(chain) and known[: len(chain)] == chain and known[-1] == before:
        return f"at {before}, which is newer than this release: nothing to do"
    with context.begin_transaction():
        context.run_migrations()
        if known != chain:
            connection.exec_driver_sql(f"COMMENT ON TABLE alembic_version IS '{' '.join(chain)}'")
    after = context.get_context().get_current_revision()
    return f"at {after}" if before != after else f"nothing to do: at {after}"


def _by_another(role: str, owner: str) -> NotMigrated:
    return NotMigrated(
        f"DATABASE_URL's role {role} may not change tables; to migrate takes {owner}, who owns the database"
    )


def _sqlstate(error: Exception) -> str:
    cause: object = getattr(error, "orig", error)  # SQLAlchemy's own error has PostgreSQL's within
    return getattr(cause, "sqlstate", "")
