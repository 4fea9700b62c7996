"""Notices when a table that is kept by month has no next month: somebody has to run `retention`, and nothing fails until then."""

from prometheus_client import Gauge
from sqlalchemy import MetaData

from malipo.messaging.pool import Queries
from malipo.platform import partitions
from malipo.platform.months import Month, MonthlyTable, monthly_of

LOOK_SECONDS = 60.0
_REMEDY = "run `retention` of this service, as the role that owns the tables"

AHEAD_MONTHS = Gauge(
    "malipo_partitions_ahead_months",
    "Months that are made of a table beyond the present one, which `retention` and `migrate` make (alert below 1).",
    ("table",),
)
STRAY_ROWS = Gauge(
    "malipo_partitions_stray_rows",
    "Rows that came when their month was not made, counted up to 10,000: they wait in the default partition for it (alert on any).",
    ("table",),
)


class MonthsWatch:
    """Looks now and then at the months of a service's tables. `problem` says what is missing, if anything."""

    def __init__(self, metadata: MetaData) -> None:
        self._tables = monthly_of([metadata])
        self.problem: str | None = None

    def add(self, metadata: MetaData) -> None:
        """Look at these as well."""
        self._tables += monthly_of([metadata])

    async def look(self, source: Queries) -> None:
        """Look once."""
        now = await partitions.present(source)
        found = [await _missing(source, table, now) for table in self._tables]
        self.problem = "; ".join([*filter(None, found), _REMEDY]) if any(found) else None


async def _missing(source: Queries, table: MonthlyTable, now: Month) -> str | None:
    newest = max(await partitions.held(source, table), default=now.plus(-1))
    stray = await partitions.strays(source, table, newest, now)
    AHEAD_MONTHS.labels(table.name).set(len(now.plus(1).to(newest)))
    STRAY_ROWS.labels(table.name).set(stray)
    if stray:
        return f"rows of {table.name} have come that are later than {newest}, the last month that was made"
    if newest <= now:
        return f"{table.name} has no month beyond {newest}"
    return None
