"""SQLAlchemy's statements for asyncpg: written with the tables' columns, compiled once, run without SQLAlchemy's own layers."""

from typing import Any

from sqlalchemy.dialects.postgresql.asyncpg import dialect
from sqlalchemy.sql.expression import ClauseElement

_ASYNCPG = dialect()


class CompiledQuery:
    """A statement with `bindparam`s, compiled at its first use: `await source.fetch(*QUERY.of(id="pay_1"))`."""

    def __init__(self, statement: ClauseElement) -> None:
        self._statement = statement
        self._compiled: tuple[str, list[str], dict[str, Any]] | None = None

    def of(self, **values: object) -> tuple[str, *tuple[object, ...]]:
        """Its text and arguments. Raises `KeyError` for a parameter without a value."""
        if self._compiled is None:
            self._compiled = _compiled(self._statement)
        text, places, known = self._compiled
        arguments = known | values
        return text, *(arguments[name] for name in places)


def _compiled(statement: ClauseElement) -> tuple[str, list[str], dict[str, Any]]:
    compiled: Any = statement.compile(dialect=_ASYNCPG)
    known = {name: value for name, value in compiled.params.items() if value is not None}
    return str(compiled), list(compiled.positiontup or ()), known
