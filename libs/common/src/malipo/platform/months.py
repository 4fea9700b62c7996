"""Tables that are kept by month: how a table says so, what its months are called, and which rows each has. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self

from sqlalchemy import MetaData, Table

from malipo import ids

_BY_MONTH = "by_month"


@dataclass(frozen=True, slots=True, order=True)
class Month:
    """One month of the calendar, in UTC."""

    year: int
    number: int

    @classmethod
    def of(cls, moment: datetime) -> Self:
        """The month that the moment is in."""
        utc = moment.astimezone(UTC)
        return cls(utc.year, utc.month)

    @classmethod
    def parse(cls, text: str) -> Self:
        """As `str` writes it, `2026-11`, or as a table's name ends, `2026_11`. Raises `ValueError`."""
        year, number = text.replace("_", "-").split("-")
        return cls.of(datetime(int(year), int(number), 1, tzinfo=UTC))

    def plus(self, months: int) -> "Month":
        """So many months later."""
        year, number = divmod(self.year * 12 + self.number - 1 + months, 12)
        return Month(year, number + 1)

    def to(self, last: "Month") -> list["Month"]:
        """All months from this one to `last`."""
        count = (last.year - self.year) * 12 + last.number - self.number + 1
        return [self.plus(months) for months in range(count)]

    @property
    def begins(self) -> datetime:
        """Its first moment."""
        return datetime(self.year, self.number, 1, tzinfo=UTC)

    @property
    def ends(self) -> datetime:
        """The first moment of the next one."""
        return self.plus(1).begins

    def __str__(self) -> str:
        return f"{self.year}-{self.number:02}"


@dataclass(frozen=True, slots=True)
class Need:
    """What keeps a month that is old enough to go: the rows that `query` answers with, each of which names itself.

    `query` has room for the month's own table `{part}`, and for the lowest and the next month's lowest value `{low}`, `{high}`.
    """

    why: str
    query: str


@dataclass(frozen=True, slots=True)
class ByMonth:
    """How a table is partitioned: by `column`, which holds ids that begin with `prefix`, or moments where there is none.

    `setting` says for how many days a month is kept after its end; `needed`, what keeps it longer. So do rows that came
    `lately`: an index finds them at once, for they are looked for again while nobody may write to the month. Whatever else is
    needed of it changes only with a row that comes. `archived` is whether its rows are of any use once they are gone from the database.
    """

    column: str
    setting: str
    prefix: str = ""
    needed: Sequence[Need] = ()
    lately: Need | None = None
    archived: bool = True

    @property
    def info(self) -> dict[str, object]:
        """For the table's `info`."""
        return {_BY_MONTH: self}


@dataclass(frozen=True, slots=True)
class MonthlyTable:
    """A table that is kept by month. What has no month of its own is apart, or in its default partition."""

    name: str
    by: ByMonth
    refers_to: Sequence[str] = ()

    @property
    def default(self) -> str:
        """The table that has the rows of months that are not made, or gone. All of it is read when a month is made."""
        return f"{self.name}_default"

    @property
    def undated(self) -> str | None:
        """The table that has the rows whose ids tell no time, where ids tell the months: many, and no month is made of them."""
        return f"{self.name}_undated" if self.by.prefix else None

    def part(self, month: Month) -> str:
        """The table that has the rows of one month."""
        return f"{self.name}_{month.year}_{month.number:02}"

    def month_of(self, part: str) -> Month | None:
        """The month whose rows are in this table of ours, if it is one of a month."""
        try:
            return Month.parse(part.removeprefix(f"{self.name}_"))
        except ValueError:
            return None

    def low(self, month: Month) -> str:
        """The lowest value of a month, quoted."""
        return _quoted(ids.first_at(self.by.prefix, month.begins) if self.by.prefix else month.begins.isoformat())

    def high(self, month: Month) -> str:
        """The lowest value behind it, quoted."""
        return self.low(month.plus(1))

    def holds(self, first: Month, last: Month | None = None) -> str:
        """The condition that a row is of this month, or of one up to `last`."""
        return f"{self.by.column} >= {self.low(first)} AND {self.by.column} < {self.high(last or first)}"


def monthly(tables: Iterable[Table]) -> list[MonthlyTable]:
    """Those of the tables that are kept by month."""
    return [
        MonthlyTable(
            str(table.name), table.info[_BY_MONTH], sorted({one.column.table.name for one in table.foreign_keys})
        )
        for table in tables
        if _BY_MONTH in table.info
    ]


def monthly_of(metadata: Iterable[MetaData]) -> list[MonthlyTable]:
    """Those among all tables of a database."""
    return monthly(table for one in metadata for table in one.sorted_tables)


def with_loose_rows(table: Table) -> list[str]:
    """The tables of which single rows are purged: of one that is kept by month those that have rows of no month."""
    if _BY_MONTH not in table.info:
        return [str(table.name)]
    kept = MonthlyTable(str(table.name), table.info[_BY_MONTH])
    return [part for part in (kept.default, kept.undated) if part]


def _quoted(text: str) -> str:
    """As a literal: ids and moments of our own making, which have no quotes."""
    return f"'{text}'"
