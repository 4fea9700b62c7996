"""Reports that are looked at again until it is known what they are: one sweep for every table of such."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal, Protocol

import asyncpg
from sqlalchemy import Table

from malipo.messaging.database import Database
from malipo.messaging.pool import AWAY, Row
from malipo.messaging.unit_of_work import UnitOfWork
from malipo.messaging.writes import arrays, names
from malipo.platform.logs import log
from provider_kit import knowledge
from provider_kit.attempt_rows import OriginalAttempt

Fate = Literal["forget", "rest", "later"]
"""What becomes of a row: it is gone, it is kept and looked at no more, or it is looked at again."""


@dataclass(frozen=True, slots=True)
class Judged:
    """What becomes of a row, and which operations are to be asked about."""

    fate: Fate
    asked: Sequence[OriginalAttempt] = ()


class Judge(Protocol):
    """Judges the rows of one table, which have `received_at`, `look_at`, `merchant_id` and `callback_id`.

    A row is looked at again after as long as it has been here, and after `longest` at the most. `alert` is logged of one
    that cannot be judged.
    """

    provider: str
    table: Table
    alert: str
    longest: timedelta
    at_once: int

    async def prepare(self, unit: UnitOfWork, rows: Sequence[Row]) -> None:
        """Before the first of these rows is judged: lock what is to stay as it is."""
        ...

    async def judge(self, unit: UnitOfWork, row: Row) -> Judged:
        """Tell what is known by now. The row has its `age`. Whatever is raised stops no other row: put nothing before."""
        ...


class LookingAgain:
    """The sweep of one table."""

    def __init__(self, judge: Judge, nudge: Callable[[], None]) -> None:
        self._judge = judge
        self._nudge = nudge
        table, keys = judge.table.name, list(judge.table.primary_key.columns)
        self._keys = [key.name for key in keys]
        self._due = f"SELECT EXISTS (SELECT FROM {table} WHERE look_at <= now())"  # noqa: S608 - names of ours
        self._look = f"""
SELECT *, now() - received_at AS age FROM {table} WHERE look_at <= now() ORDER BY look_at LIMIT $1 FOR UPDATE SKIP LOCKED
"""  # noqa: S608 - names of ours
        found = f"unnest({arrays(keys)}) AS found ({names(keys)})"
        here = f"({names(keys, 'kept.')}) = ({names(keys, 'found.')})"
        again = f"now() + least(greatest(interval '10 seconds', now() - received_at), interval '{judge.longest.total_seconds()} seconds')"
        self._ends: dict[Fate, str] = {
            "forget": f"DELETE FROM {table} AS kept USING {found} WHERE {here}",  # noqa: S608 - names of ours
            "rest": f"UPDATE {table} AS kept SET look_at = NULL FROM {found} WHERE {here}",  # noqa: S608 - names of ours
            "later": f"UPDATE {table} AS kept SET look_at = {again} FROM {found} WHERE {here}",  # noqa: S608 - names of ours
        }

    async def look(self, database: Database) -> bool:
        """Settle what can be settled by now, and put off the rest; returns whether there may be more.

        A row that cannot be judged stops no other: it is alerted and put off.
        """
        if not await database.reads.fetchval(self._due):
            return False
        async with database.begin() as unit:
            due = await unit.transaction.fetch(self._look, self._judge.at_once)
            await self._judge.prepare(unit, due)
            judged = [(self._key(row), await self._judged(unit, row)) for row in due]
            for fate, query in self._ends.items():
                if some := sorted(key for key, one in judged if one.fate == fate):
                    await unit.transaction.execute(query, *zip(*some, strict=True))
            if asked := [original for _, one in judged for original in one.asked]:
                knowledge.ask(unit, asked)
                unit.after_commit(self._nudge)
        return len(due) == self._judge.at_once

    async def _judged(self, unit: UnitOfWork, row: Row) -> Judged:
        try:
            return await self._judge.judge(unit, row)
        except (*AWAY, asyncpg.PostgresError):
            raise
        except Exception as error:  # noqa: BLE001 - whatever is wrong with it; and its text may quote what is in the row
            log.error(
                self._judge.alert,
                provider=self._judge.provider,
                merchant_id=row["merchant_id"],
                callback_id=row["callback_id"],
                error=type(error).__name__,
            )
            return Judged("later")

    def _key(self, row: Row) -> tuple[str | int, ...]:
        return tuple(row[name] for name in self._keys)
