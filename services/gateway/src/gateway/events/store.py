"""Reads and writes the events that merchants are told, in one order that nothing is ever added before."""

from collections.abc import Sequence

import msgspec

from gateway.events.schemas import EventFilters
from malipo.contracts.commands import Mode
from malipo.contracts.events import PaymentStepped, public_event
from malipo.messaging.database import Queries
from malipo.messaging.unit import Unit
from malipo.messaging.writes import Write

_EVENTS_LOCK = 0x65766E74  # "evnt"
# No row comes out of the join, and so none is given its position, before the lock is held.
_ADD_EVENTS = Write(
    f"""INSERT INTO events ({{names}})
SELECT told.* FROM (SELECT pg_advisory_xact_lock({_EVENTS_LOCK})) AS locked, unnest({{arrays}}) AS told
ON CONFLICT (id) DO NOTHING""",
    {
        "id": "text",
        "payment_id": "text",
        "sequence": "integer",
        "merchant_id": "text",
        "mode": "text",
        "type": "text",
        "body": "json",
    },
)
_POSITION = "SELECT position FROM events WHERE id = $1 AND merchant_id = $2 AND mode = $3"
_FILTER = "merchant_id = $1 AND mode = $2 AND ($3::text IS NULL OR payment_id = $3) AND ($4::text IS NULL OR type = $4)"
_NEWEST = f"SELECT id, body FROM events WHERE {_FILTER} AND position < $5 ORDER BY position DESC LIMIT $6"
_OLDEST = f"SELECT id, body FROM events WHERE {_FILTER} AND position > $5 ORDER BY position LIMIT $6"
type Event = tuple[str, msgspec.Raw]
"""An event's id and its body as stored."""
FIRST_POSITION = 0
LAST_POSITION = 2**63 - 1


def add_events(unit: Unit, steps: Sequence[PaymentStepped]) -> None:
    """Append announced steps to the list of events, each once.

    A reader who asks for what came after a position must never find something before it later: so positions are
    given and committed under one lock, held from this write to the commit. Put first it is written last.
    """
    announced = [(step, step.announcement) for step in steps if step.announcement is not None]
    rows = [
        (told.id, step.payment_id, told.sequence, step.merchant_id, step.mode, told.type, _json(public_event(step)))
        for step, told in announced
    ]
    unit.put(_ADD_EVENTS, rows)


async def position_of(source: Queries, event_id: str, merchant_id: str, mode: Mode) -> int | None:
    """Where the event stands in the list, if this merchant has it in this mode."""
    return await source.fetchval(_POSITION, event_id, merchant_id, mode)


async def list_events(
    source: Queries, merchant_id: str, mode: Mode, filters: EventFilters, *, position: int, ascending: bool, count: int
) -> list[Event]:
    """Events after `position` oldest first, or before it newest first."""
    statement = _OLDEST if ascending else _NEWEST
    rows = await source.fetch(statement, merchant_id, mode, filters.payment_id, filters.type, position, count)
    return [(row["id"], msgspec.Raw(row["body"])) for row in rows]


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
