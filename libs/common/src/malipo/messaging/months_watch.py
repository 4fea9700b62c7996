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
    "Months of a table that `retention` and `migrate` have made beyond the present one, up to the first that is missing (alert below 1).",
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
    missing = partitions.missing(await partitions.held(source, table), now)
    soon = [month for month in missing if month <= now.plus(1)]  # rows that a clock puts years ahead get no month soon
    stray = await partitions.strays(source, table, soon)
    AHEAD_MONTHS.labels(table.name).set(len(now.plus(1).to(missing[0].plus(-1))) if missing else partitions.AHEAD)
    STRAY_ROWS.labels(table.name).set(stray)
    if not soon:
        return None
    return f"{table.name} has no month {soon[0]}{', and rows have come without one' if stray else ''}"
