"""Ends months that are kept long enough: archives them if that is wanted, and drops them in one short statement."""

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import asyncpg

from malipo import clock
from malipo.platform import partitions
from malipo.platform.archives import Archive, Manifest
from malipo.platform.months import Month, MonthlyTable, Need
from malipo.platform.owner import Connection, briefly

_NAMED = 5  # of the rows that keep a month
_HELD_SECONDS = 2  # by each of a few statements: who waits to write to the month gives up after ten
_OVER = "SELECT now() >= $1"
_CLOCKS_DIFFER = timedelta(days=1)  # at most: whole days are what is kept
_SIZES = """
SELECT part.relname AS name, pg_total_relation_size(part.oid) AS bytes, greatest(part.reltuples, 0)::bigint AS rows
FROM pg_inherits JOIN pg_class AS part ON part.oid = inhrelid WHERE inhparent = to_regclass($1) ORDER BY 1
"""


class StillNeeded(Exception):
    """A month cannot go yet: says why, and which rows keep it."""


class WrongClock(Exception):
    """Which months are over nobody knows: PostgreSQL's clock tells, and it is another time by ours."""


@dataclass(frozen=True, slots=True)
class Size:
    """How large a table of one month is; its rows are as last counted by PostgreSQL, by itself."""

    name: str
    rows: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Keeper:
    """Ends the months of one service's tables. `days` says by table how long each is kept after its end, or for ever."""

    connection: Connection
    service: str
    tables: Sequence[MonthlyTable]
    days: Mapping[str, int | None]
    archive: Path | None = None

    async def over(self, table: MonthlyTable) -> list[Month]:
        """The months that are kept long enough, by PostgreSQL's clock, the oldest first."""
        days = self.days[table.name]
        if days is None:
            return []
        months = await partitions.held(self.connection, table)
        return [one for one in months if await self.connection.fetchval(_OVER, one.ends + timedelta(days=days))]

    async def retire(self, tell: Callable[[str], None]) -> bool:
        """End each month that is over, and tell what was done; returns whether all could go.

        Of each table they go in their order: behind one that is still needed all stay. Raises `archives.Damaged`, `OSError` or
        `TablesInUse`, with what was done before as it is, and `WrongClock` before anything is done.
        """
        await self._require_right_clock()
        all_gone = True
        for table in self.tables:
            try:
                async for done in self._retired(table):
                    tell(done)
            except StillNeeded as reason:
                all_gone = False
                tell(str(reason))
        return all_gone

    async def sizes(self) -> list[Size]:
        """How large each month of each table is, and what is of none."""
        found = [row for table in self.tables for row in await self.connection.fetch(_SIZES, table.name)]
        return [Size(row["name"], row["rows"], row["bytes"]) for row in found]

    async def _require_right_clock(self) -> None:
        """A clock that is days ahead would have months dropped that are young, and hide that something came lately."""
        theirs, ours = await self.connection.fetchval("SELECT now()"), clock.now()
        if abs(theirs - ours) > _CLOCKS_DIFFER:
            msg = (
                f"nothing is dropped while clocks differ by more than a day: it is {clock.iso(theirs)} by PostgreSQL's, and "
                f"{clock.iso(ours)} where this runs; set the one that is wrong, and run it again"
            )
            raise WrongClock(msg)

    async def _retired(self, table: MonthlyTable) -> AsyncGenerator[str]:
        for month in await self.over(table):
            await self._require_unneeded(table, month)  # before an archive is written for nothing
            written = await self._archived(table, month)
            await briefly(self.connection, f"{table.part(month)} stays", lambda: self._drop(table, month))  # noqa: B023 - awaited here
            kept = f", its {written.rows} rows are in {self.archive}" if written else ""
            yield f"{table.name} {month} is gone{kept}"

    async def _archived(self, table: MonthlyTable, month: Month) -> Manifest | None:
        if self.archive is None or not table.by.archived:
            return None
        archive = Archive.of(self.archive, self.service, table, month)
        written = await archive.write(self.connection, self.service, table, month)
        rows = await self.connection.fetchval(f"SELECT count(*) FROM {table.part(month)}")  # noqa: S608 - a name of ours
        if rows != written.rows:  # rows are only ever added
            msg = f"{table.name} {month} stays: {rows - written.rows} rows came while it was archived; run it again"
            raise StillNeeded(msg)
        return written

    async def _drop(self, table: MonthlyTable, month: Month) -> None:
        """Under a lock that keeps writers out of this month alone; all others wait only while it is detached.

        What was looked up before is so still, unless something has come since: that is all that is looked for.
        """
        part = table.part(month)
        await self.connection.execute(f"LOCK TABLE {part} IN SHARE MODE")
        await self.connection.execute(
            f"SET LOCAL statement_timeout = '{_HELD_SECONDS}s'; SET LOCAL enable_seqscan = off"
        )
        try:
            await self._require_none(table, month, table.by.lately)
            # As in `partitions.make`: who writes locks these first, and the drop needs them.
            for referred in table.refers_to:
                await self.connection.execute(f"LOCK TABLE {referred} IN ACCESS EXCLUSIVE MODE")
            await self.connection.execute(f"ALTER TABLE {table.name} DETACH PARTITION {part}; DROP TABLE {part}")
        except asyncpg.QueryCanceledError as error:
            msg = (
                f"{table.name} {month} stays: who writes to it would have waited for longer than {_HELD_SECONDS} s; "
                f"`VACUUM ANALYZE {part}`, and run it again when there is less to do"
            )
            raise StillNeeded(msg) from error

    async def _require_unneeded(self, table: MonthlyTable, month: Month) -> None:
        for need in (*table.by.needed, table.by.lately):
            await self._require_none(table, month, need)

    async def _require_none(self, table: MonthlyTable, month: Month, need: Need | None) -> None:
        if need is not None:
            query = need.query.format(part=table.part(month), low=table.low(month), high=table.high(month))
            rows = await self.connection.fetch(f"SELECT * FROM ({query}) AS needed LIMIT {_NAMED + 1}")  # noqa: S608 - of ours
            if rows:
                named = ", ".join(str(row[0]) for row in rows[:_NAMED])
                more = ", and more" if len(rows) > _NAMED else ""
                msg = f"{table.name} {month} stays: {need.why}: {named}{more}"
                raise StillNeeded(msg)
