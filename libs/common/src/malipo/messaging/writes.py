"""Rows for several tables as one statement: a round trip for each table would cost more than its rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache


@dataclass(frozen=True, eq=False)
class Write:
    """How rows change one table. `text` has room for the `{names}` of the columns and for an array of each, `{arrays}`.

    `columns` are PostgreSQL's types by name; a row holds its values in their order.
    """

    text: str
    columns: Mapping[str, str] = field(repr=False)

    @property
    def names(self) -> str:
        """Of the columns, as a statement lists them."""
        return ", ".join(self.columns)

    def arrays(self, first: int) -> str:
        """The arguments, one array a column, from number `first` on."""
        return ", ".join(f"${number}::{kind}[]" for number, kind in enumerate(self.columns.values(), first))


def insert(table: str, columns: Mapping[str, str], on_conflict: str = "") -> Write:
    """The write that adds rows to a table."""
    text = f"INSERT INTO {table} ({{names}}) SELECT * FROM unnest({{arrays}}) {on_conflict}"  # noqa: S608 - names of ours
    return Write(text, columns)


def purge_of(table: str, column: str, only: str = "true") -> str:
    """The statement that forgets up to $2 rows of a table, those with `column` more than $1 days ago, and returns a row each."""
    return f"""
DELETE FROM {table} WHERE ctid = ANY(ARRAY(
    SELECT ctid FROM {table} WHERE {only} AND {column} < now() - make_interval(days => $1) LIMIT $2 FOR UPDATE SKIP LOCKED))
RETURNING 1
"""  # noqa: S608 - names of ours


@cache
def statement(writes: tuple[Write, ...]) -> str:
    """These writes as one statement. Its arguments are the arrays of the first one's columns, then of the next one's.

    They all see what was there before it, and PostgreSQL is free in their order: no row may be in two of them. It has
    always run the last one first and then the others from the last to the first, which decides who waits for whom.
    """
    texts: list[str] = []
    first = 1
    for write in writes:
        texts.append(write.text.format(names=write.names, arrays=write.arrays(first)))
        first += len(write.columns)
    *before, last = texts
    named = ", ".join(f"write_{place} AS ({text})" for place, text in enumerate(before))
    return f"WITH {named} {last}" if named else last


def arguments(rows: Mapping[Write, Sequence[Sequence[object]]]) -> list[Sequence[object]]:
    """The arguments of the statement of these writes, each with at least one row."""
    return [array for of_one in rows.values() for array in zip(*of_one, strict=True)]
