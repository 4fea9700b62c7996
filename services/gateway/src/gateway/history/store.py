"""Reads and writes the entries of payments' timelines."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import ARRAY, Text, any_, bindparam, literal, select

from gateway.history.entries import Kind, TimelineEntry
from gateway.tables import TIMELINE
from malipo.messaging.pool import Queries
from malipo.messaging.queries import CompiledQuery
from malipo.messaging.unit_of_work import UnitOfWork
from malipo.messaging.writes import insert, json_text

MAX_ENTRIES = 1000
"""What one timeline shows at most: the newest."""
MAX_EXPLAINING = 10_000
_EXPLAINING: tuple[Kind, ...] = ("request", "step", "attempt", "postponed", "refusal")
_PUT_ENTRIES = insert(TIMELINE, "ON CONFLICT DO NOTHING")
_OF_PAYMENT = TIMELINE.c.payment_id == bindparam("payment_id")
_NEWEST = (
    select(TIMELINE.c.at, TIMELINE.c.entry).where(_OF_PAYMENT).order_by(TIMELINE.c.at.desc()).limit(bindparam("most"))
)
_ENTRIES = CompiledQuery(_NEWEST)
_THOSE_THAT_EXPLAIN = CompiledQuery(_NEWEST.where(TIMELINE.c.kind == any_(literal(list(_EXPLAINING), ARRAY(Text)))))


def put_entries(unit: UnitOfWork, entries: Sequence[TimelineEntry]) -> None:
    """Add entries to their payments' timelines, each once."""
    ordered = sorted(entries, key=lambda entry: entry[:2])  # one order of locking for all
    rows = [(entry.payment_id, entry.id, entry.kind, entry.at, json_text(entry.body)) for entry in ordered]
    unit.put(_PUT_ENTRIES, rows)


async def timeline(source: Queries, payment_id: str) -> list[tuple[datetime, dict[str, Any]]]:
    """The payment's newest entries with their times, in no order."""
    rows = await source.fetch(*_ENTRIES.of(payment_id=payment_id, most=MAX_ENTRIES))
    return [(row["at"], msgspec.json.decode(row["entry"])) for row in rows]


async def explaining(source: Queries, payment_id: str) -> list[dict[str, Any]]:
    """Those entries that show where the payment and its operations stand, newest first."""
    rows = await source.fetch(*_THOSE_THAT_EXPLAIN.of(payment_id=payment_id, most=MAX_EXPLAINING))
    return [msgspec.json.decode(row["entry"]) for row in rows]
