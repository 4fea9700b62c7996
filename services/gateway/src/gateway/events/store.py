"""Reads and writes merchants' events, in one order that only grows at its end."""

from collections.abc import Sequence
from datetime import timedelta

import msgspec
from sqlalchemy import Text, bindparam, or_, select

from gateway.events.schemas import EventFilters
from gateway.tables import EVENTS
from malipo import ids
from malipo.contracts.commands import Mode
from malipo.contracts.events import PaymentTransitioned, event_body
from malipo.messaging.database import Database
from malipo.messaging.pool import Queries, time_of
from malipo.messaging.queries import CompiledQuery
from malipo.messaging.runtime import PURGE_ROWS
from malipo.messaging.unit_of_work import UnitOfWork
from malipo.messaging.writes import Write, given, json_text

_EVENTS_LOCK = 0x65766E74  # "evnt"
# No row comes out of the join, and so none is given its position, before the lock is held.
_ADD_EVENTS = Write(
    f"""INSERT INTO events ({{names}})
SELECT new.* FROM (SELECT pg_advisory_xact_lock({_EVENTS_LOCK})) AS locked, unnest({{arrays}}) AS new
ON CONFLICT (id) DO NOTHING""",
    given(EVENTS),
)
_OWN = EVENTS.c.merchant_id == bindparam("merchant_id"), EVENTS.c.mode == bindparam("mode")
_PAYMENT, _TYPE = bindparam("payment_id", type_=Text), bindparam("type", type_=Text)
_POSITION = CompiledQuery(select(EVENTS.c.position).where(EVENTS.c.id == bindparam("id"), *_OWN))
_WANTED = (
    select(EVENTS.c.id, EVENTS.c.body)
    .where(
        *_OWN, or_(_PAYMENT.is_(None), EVENTS.c.payment_id == _PAYMENT), or_(_TYPE.is_(None), EVENTS.c.type == _TYPE)
    )
    .limit(bindparam("count"))
)
_NEWEST = CompiledQuery(_WANTED.where(EVENTS.c.position < bindparam("position")).order_by(EVENTS.c.position.desc()))
_OLDEST = CompiledQuery(_WANTED.where(EVENTS.c.position > bindparam("position")).order_by(EVENTS.c.position))
_FORGET = """
DELETE FROM events WHERE position = ANY(ARRAY(
    SELECT position FROM events WHERE id < $1 ORDER BY id LIMIT $2 FOR UPDATE SKIP LOCKED))
RETURNING 1
"""
type Event = tuple[str, msgspec.Raw]
"""An event's id and its body as stored."""
FIRST_POSITION = 0
LAST_POSITION = 2**63 - 1


def add_events(unit: UnitOfWork, steps: Sequence[PaymentTransitioned]) -> None:
    """Append the events of these transitions, each once.

    A reader that has asked for what comes after a position must never find a new event before it: so positions are
    assigned and committed under one lock, held from this write to the commit. Put first, it is written last.
    """
    published = [(step, step.public_event) for step in steps if step.public_event is not None]
    rows = [
        (
            event.id,
            step.payment_id,
            event.sequence,
            step.merchant_id,
            step.mode,
            event.type,
            json_text(event_body(step)),
        )
        for step, event in published
    ]
    unit.put(_ADD_EVENTS, rows)


async def position_of(source: Queries, event_id: str, merchant_id: str, mode: Mode) -> int | None:
    """Where the event stands in the list, if this merchant has it in this mode."""
    return await source.fetchval(*_POSITION.of(id=event_id, merchant_id=merchant_id, mode=mode))


async def list_events(
    source: Queries, merchant_id: str, mode: Mode, filters: EventFilters, *, position: int, ascending: bool, count: int
) -> list[Event]:
    """Events after `position` oldest first, or before it newest first."""
    wanted = {"payment_id": filters.payment_id, "type": filters.type, "position": position, "count": count}
    query = _OLDEST if ascending else _NEWEST
    rows = await source.fetch(*query.of(merchant_id=merchant_id, mode=mode, **wanted))
    return [(row["id"], msgspec.Raw(row["body"])) for row in rows]


async def forget(database: Database, days: int) -> bool:
    """Delete a slice of the events that are older than so many days, which is told by their ids; returns whether there may be more."""
    before = ids.first_at("evt", await time_of(database.reads) - timedelta(days=days))
    return len(await database.write(_FORGET, before, PURGE_ROWS)) == PURGE_ROWS
