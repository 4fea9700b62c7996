"""Rows for several tables as one statement: a round trip for each table would cost more than its rows."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from functools import cache, cached_property
from typing import Any

import msgspec
from sqlalchemy import Column, Table
from sqlalchemy.dialects.postgresql import dialect

from malipo.platform.months import with_loose_rows

TERMS = ("$1::smallint[]", "$2::bigint[]", "$3::bigint")
"""The arguments, which are not of its rows, of a statement whose messages are handed over: a hand-over's terms."""
_POSTGRESQL = dialect()


class Sends(Enum):
    """What a write does to the outbox, and how the relay comes to know of it."""

    NOTHING = "nothing"
    UNTOLD = "rows for which the relay looks"
    HANDED_OVER = "rows that its last columns say; it answers with one row of what a hand-over needs"


@dataclass(frozen=True, eq=False)
class Write:
    """How rows change one table. `text` has room for the `{names}` of the columns and for an array of each, `{arrays}`.

    A row holds the values of `columns` in their order. `parts` are the common table expressions that `text` is made of, if it
    needs any, with the same room.
    """

    text: str
    columns: Sequence[Column[Any]] = field(repr=False)
    parts: str = ""
    sends: Sends = Sends.NOTHING

    @cached_property
    def keys(self) -> tuple[str, ...]:
        """The columns' names."""
        return tuple(column.name for column in self.columns)

    @property
    def names(self) -> str:
        """Of the columns, as a statement lists them."""
        return names(self.columns)

    def arrays(self, first: int) -> str:
        """The arguments, one array a column, from number `first` on."""
        return arrays(self.columns, first)


def insert(table: Table, on_conflict: str = "", columns: Sequence[Column[Any]] = ()) -> Write:
    """The write that adds rows to a table; of all columns but those that PostgreSQL fills, unless `columns` are named."""
    text = f"INSERT INTO {table.name} ({{names}}) SELECT * FROM unnest({{arrays}}) {on_conflict}"  # noqa: S608 - names of ours
    return Write(text, columns or given(table))


def given(table: Table) -> list[Column[Any]]:
    """The columns of a table that a new row brings: all that PostgreSQL does not fill by itself."""
    return [column for column in table.columns if column.server_default is None]


def names(columns: Iterable[Column[Any]], prefix: str = "") -> str:
    """The columns as a statement lists them, e.g. with the prefix `p.`."""
    return ", ".join(f"{prefix}{column.name}" for column in columns)


def arrays(columns: Iterable[Column[Any]], first: int = 1) -> str:
    """The arguments of `unnest`, one array a column, from number `first` on."""
    return ", ".join(f"${number}::{type_of(column)}[]" for number, column in enumerate(columns, first))


def type_of(column: Column[Any]) -> str:
    """The column's type as PostgreSQL writes it."""
    return column.type.compile(_POSTGRESQL)


def json_text(value: object) -> str:
    """The value as a column of type JSON takes it; one of type JSONB takes the value itself."""
    return msgspec.json.encode(value).decode()


def purge_of(column: Column[Any], only: str = "true") -> str:
    """The statement that forgets up to $2 rows of a table, those with `column` more than $1 days ago, and returns a row each.

    Of a table that is kept by month it forgets those that are of no month, so many of each of its tables that have such.
    """
    tables = with_loose_rows(column.table)
    purges = [
        f"""{table}_purged AS (
DELETE FROM {table} WHERE ctid = ANY(ARRAY(
    SELECT ctid FROM {table} WHERE {only} AND {column.name} < now() - make_interval(days => $1)
    LIMIT $2 FOR UPDATE SKIP LOCKED))
RETURNING 1)"""  # noqa: S608 - names of ours
        for table in tables
    ]
    return f"WITH {', '.join(purges)} {' UNION ALL '.join(f'SELECT 1 FROM {table}_purged' for table in tables)}"  # noqa: S608


@cache
def statement(writes: tuple[Write, ...]) -> str:
    """These writes as one statement, which returns what the last one does. Its arguments are a hand-over's terms, if any of
    them is handed over, and the arrays of the first one's columns, then of the next one's.

    They all see what was there before it, and PostgreSQL is free in their order: no row may be in two of them. It has
    always run the last one first and then the others from the last to the first, which decides who waits for whom.
    """
    parts: list[str] = []
    text, first = "", 1 + len(TERMS) * any(write.sends is Sends.HANDED_OVER for write in writes)
    for place, write in enumerate(writes):
        if text:
            parts.append(f"write_{place} AS ({text})")
        room = {"names": write.names, "arrays": write.arrays(first)}
        if write.parts:
            parts.append(write.parts.format(**room))
        text = write.text.format(**room)
        first += len(write.columns)
    return f"WITH {', '.join(parts)} {text}" if parts else text


def arguments(rows: Mapping[Write, Sequence[Sequence[object]]]) -> list[Sequence[object]]:
    """The arguments of the statement of these writes, each with at least one row."""
    return [array for of_one in rows.values() for array in zip(*of_one, strict=True)]
