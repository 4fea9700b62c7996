"""`python -m <package> retention`: makes months ahead, and ends those that are kept long enough. A cron job runs it."""

import asyncio
import importlib
import sys
from pathlib import Path

import asyncpg
import typer

from malipo.platform import migrations, partitions, settings
from malipo.platform.archives import Archive, Damaged, Manifest
from malipo.platform.months import Month, MonthlyTable, monthly_of
from malipo.platform.owner import Connection, TablesInUse, Unreachable, owning
from malipo.platform.retention import Keeper, WrongClock
from malipo.platform.retention_settings import RetentionSettings

_FAILS = (Unreachable, TablesInUse, Damaged, WrongClock, OSError, asyncpg.PostgresError)
_REMEDIES: dict[type[Exception], str] = {
    asyncpg.InsufficientPrivilegeError: "; DATABASE_URL has to name the role that owns the tables",
    asyncpg.UndefinedTableError: "; run `migrate` first",
}


def run(service: str, package: str, *, archive: Path | None, restore: Path | None, show: bool) -> None:
    """What the command does. Ends with 1, and a line that says why, where something could not be done or has to stay."""
    loaded = settings.load(_settings_of(package))
    tables = monthly_of(migrations.tables_of(package))
    days = {table.name: getattr(loaded, table.by.setting) for table in tables}

    async def work() -> bool:
        async with owning(loaded.database_url.get_secret_value()) as connection:
            keeper = Keeper(connection, service, tables, days, archive)
            if restore is not None:
                return await _restore(connection, service, tables, restore)
            return await (_show(keeper) if show else _keep(keeper))

    try:
        if not asyncio.run(work()):
            raise typer.Exit(1)
    except _FAILS as error:
        sys.exit(f"not done: {error}{_REMEDIES.get(type(error), '')}")


def _settings_of(package: str) -> type[RetentionSettings]:
    """The service's own, if it has kinds of data that others have not."""
    return getattr(importlib.import_module(f"{package}.settings"), "Retention", RetentionSettings)


async def _keep(keeper: Keeper) -> bool:
    for made in await partitions.make_ahead(keeper.connection, keeper.tables):
        typer.echo(f"{made} is made")
    all_gone = await keeper.retire(typer.echo)
    for table in keeper.tables:
        months = await partitions.held(keeper.connection, table)
        days = keeper.days[table.name]
        kept = "for ever" if days is None else f"for {days} days after a month's end"
        typer.echo(f"{table.name}: {months[0]} to {months[-1]}, kept {kept} ({table.by.setting.upper()})")
    return all_gone


async def _show(keeper: Keeper) -> bool:
    for size in await keeper.sizes():
        typer.echo(f"{size.name:32} {size.rows:>14,} rows {size.bytes:>18,} bytes")
    return True


async def _restore(connection: Connection, service: str, tables: list[MonthlyTable], file: Path) -> bool:
    """Put an archived month back into its table, where everybody finds it until a later run ends it again."""
    archive = Archive.at(file)
    manifest = archive.verified()
    table = _table_of(manifest, service, tables)
    month = Month.parse(manifest.month)
    if month in await partitions.held(connection, table):
        msg = f"{table.name} {month} is there: what is in the database is not mixed with what was"
        raise Damaged(msg)
    await partitions.make(connection, table, month, lambda part: archive.load(connection, part))
    typer.echo(f"{table.name} {month} is back, with {manifest.rows} rows; the next run ends it again if it is over")
    return True


def _table_of(manifest: Manifest, service: str, tables: list[MonthlyTable]) -> MonthlyTable:
    found = next((one for one in tables if (service, one.name) == (manifest.service, manifest.table)), None)
    if found is None:
        msg = f"this is {manifest.table} of {manifest.service}, which {service} does not keep by month"
        raise Damaged(msg)
    return found
