"""What the tables of the services' databases hold, and how large they are, as PostgreSQL counts it."""

from collections.abc import Mapping
from dataclasses import dataclass

from bench.system import SERVICES, System

_TABLES = """
SELECT coalesce(whole.relname, part.relname) AS name, sum(n_live_tup)::bigint AS rows, sum(n_dead_tup)::bigint AS dead,
    sum(autovacuum_count)::bigint AS vacuums, sum(pg_relation_size(part.relid))::bigint AS heap,
    sum(pg_table_size(part.relid) - pg_relation_size(part.relid))::bigint AS beside, sum(pg_indexes_size(part.relid))::bigint AS indexes
FROM pg_stat_user_tables AS part LEFT JOIN pg_inherits ON inhrelid = part.relid LEFT JOIN pg_class AS whole ON whole.oid = inhparent
GROUP BY 1
"""
"""What is kept by month is one table here."""


@dataclass(frozen=True)
class Size:
    """One table; sizes in bytes. `beside` is what long values take out of line (TOAST), and the maps of free and visible pages."""

    rows: int
    dead: int
    vacuums: int
    heap: int
    beside: int
    indexes: int

    @property
    def total(self) -> int:
        """All of it."""
        return self.heap + self.beside + self.indexes

    def since(self, before: "Size") -> "Size":
        """What came since then."""
        return Size(
            self.rows - before.rows,
            self.dead - before.dead,
            self.vacuums - before.vacuums,
            self.heap - before.heap,
            self.beside - before.beside,
            self.indexes - before.indexes,
        )


type Sizes = Mapping[tuple[str, str], Size]
"""Each table, by service and name."""


def read(system: System) -> Sizes:
    """All tables now; rows are as many as PostgreSQL knows of, exactly right after `tidy`."""
    found: dict[tuple[str, str], Size] = {}
    for service in SERVICES:
        for row in system.rows(service, _TABLES):
            numbers = (row[name] for name in ("rows", "dead", "vacuums", "heap", "beside", "indexes"))
            found[service, row["name"]] = Size(*numbers)
    return found


def since(before: Sizes, after: Sizes) -> Sizes:
    """What came to each table in between."""
    return {name: size.since(before[name]) for name, size in after.items() if name in before}
