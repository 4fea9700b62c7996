"""Makes the months of tables that are kept by month, ahead of time, and knows which there are."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, Protocol

from malipo.platform.months import Month, MonthlyTable
from malipo.platform.owner import Connection, briefly

AHEAD = 3
"""So many months are made beside the present one."""

STRAYS_COUNTED = 10_000

_PARTS = """
SELECT part.relname AS name FROM pg_inherits
JOIN pg_class AS part ON part.oid = inhrelid
WHERE inhparent = to_regclass($1)
"""

Load = Callable[[str], Awaitable[object]]
"""Puts rows into the new table of this name, before anybody sees it."""


class Reads(Protocol):
    """Whatever answers queries: a connection, or any free one."""

    async def fetch(self, query: str, *args: object) -> Sequence[Any]:
        """All rows."""
        ...

    async def fetchval(self, query: str, *args: object) -> Any:
        """The first value of the first row."""
        ...


async def held(source: Reads, table: MonthlyTable) -> list[Month]:
    """The table's months, the oldest first."""
    rows = await source.fetch(_PARTS, table.name)
    return sorted(month for row in rows if (month := table.month_of(row["name"])) is not None)


async def present(source: Reads) -> Month:
    """The month that it is by PostgreSQL's clock."""
    return Month.of(await source.fetchval("SELECT now()"))


def missing(months: Sequence[Month], now: Month) -> list[Month]:
    """The months to make where there are these: all behind the newest that has begun, up to `AHEAD` beyond the present one.

    Those far ahead, which a clock that was wrong has had made, stand for none of them.
    """
    newest = max((month for month in months if month <= now), default=now.plus(-1))
    return [month for month in newest.plus(1).to(now.plus(AHEAD)) if month not in months]


async def strays(source: Reads, table: MonthlyTable, months: Sequence[Month]) -> int:
    """How many rows have come of these months, which are in their order and were not made; counted up to a limit."""
    if not months:
        return 0
    late = table.holds(months[0], months[-1])
    return await source.fetchval(
        f"SELECT count(*) FROM (SELECT FROM {table.default} WHERE {late} LIMIT {STRAYS_COUNTED}) AS counted"  # noqa: S608 - names of ours
    )


async def make_ahead(connection: Connection, tables: Iterable[MonthlyTable]) -> list[str]:
    """Make the months that are `missing`; answers the new tables' names.

    Rows that have come before their month was made move into it. Raises `TablesInUse`.
    """
    now = await present(connection)
    made: list[str] = []
    for table in tables:
        for month in missing(await held(connection, table), now):
            await make(connection, table, month)
            made.append(table.part(month))
    return made


async def make(connection: Connection, table: MonthlyTable, month: Month, load: Load | None = None) -> None:
    """Make one month, with the rows that `load` brings and those of it that the default partition has.

    The table is made alone, and only then attached, for that locks no more than the default partition, and what the table
    refers to. Those are locked in the order in which a statement that writes locks them.
    """
    part = table.part(month)

    async def attach() -> None:
        await connection.execute(f"CREATE TABLE {part} (LIKE {table.name} INCLUDING ALL EXCLUDING IDENTITY)")
        if load is not None:
            await load(part)
        for referred in table.refers_to:
            await connection.execute(f"LOCK TABLE {referred} IN SHARE ROW EXCLUSIVE MODE")
        await connection.execute(f"LOCK TABLE {table.default} IN ACCESS EXCLUSIVE MODE")
        await connection.execute(f"""
            WITH moved AS (DELETE FROM {table.default} WHERE {table.holds(month)} RETURNING *)
            INSERT INTO {part} SELECT * FROM moved ON CONFLICT DO NOTHING
        """)  # noqa: S608 - names of ours
        bounds = f"FROM ({table.low(month)}) TO ({table.high(month)})"
        await connection.execute(f"ALTER TABLE {table.name} ATTACH PARTITION {part} FOR VALUES {bounds}")

    await briefly(connection, f"{part} was not made", attach)
