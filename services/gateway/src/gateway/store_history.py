"""Reads and writes the history of payments: the entries of their timelines, and the events told."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from gateway.entries import Entry, Kind
from gateway.schemas import EventFilters
from malipo.contracts.commands import Mode
from malipo.contracts.events import PaymentStepped, public_event
from malipo.messaging.database import Queries
from malipo.messaging.unit import Unit
from malipo.messaging.writes import Write, insert

MAX_ENTRIES = 1000
"""What one timeline shows at most: the newest."""
MAX_EXPLAINING = 10_000
_EXPLAINING: tuple[Kind, ...] = ("request", "step", "attempt", "postponed", "refusal")

_EVENTS_LOCK = 0x65766E74  # "evnt"

_PUT_ENTRIES = insert(
    "timeline",
    {"payment_id": "text", "id": "text", "kind": "text", "at": "timestamptz", "entry": "json"},
    "ON CONFLICT DO NOTHING",
)
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
_GET_ENTRIES = "SELECT at, entry FROM timeline WHERE payment_id = $1 ORDER BY at DESC LIMIT $2"
_GET_EXPLAINING = """
SELECT entry FROM timeline WHERE payment_id = $1 AND kind = ANY($2::text[]) ORDER BY at DESC LIMIT $3
"""
_POSITION = "SELECT position FROM events WHERE id = $1 AND merchant_id = $2 AND mode = $3"
_FILTER = "merchant_id = $1 AND mode = $2 AND ($3::text IS NULL OR payment_id = $3) AND ($4::text IS NULL OR type = $4)"
_NEWEST = f"SELECT id, body FROM events WHERE {_FILTER} AND position < $5 ORDER BY position DESC LIMIT $6"
_OLDEST = f"SELECT id, body FROM events WHERE {_FILTER} AND position > $5 ORDER BY position LIMIT $6"

type Event = tuple[str, msgspec.Raw]
"""An event's id and its body as stored."""

FIRST_POSITION = 0
LAST_POSITION = 2**63 - 1


def put_entries(unit: Unit, entries: Sequence[Entry]) -> None:
    """Add entries to their payments' timelines, each once."""
    ordered = sorted(entries, key=lambda entry: entry[:2])  # one order of locking for all
    rows = [(entry.payment_id, entry.id, entry.kind, entry.at, _json(entry.body)) for entry in ordered]
    unit.put(_PUT_ENTRIES, rows)


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


async def timeline(source: Queries, payment_id: str) -> list[tuple[datetime, dict[str, Any]]]:
    """The payment's newest entries with their times, in no order."""
    rows = await source.fetch(_GET_ENTRIES, payment_id, MAX_ENTRIES)
    return [(row["at"], msgspec.json.decode(row["entry"])) for row in rows]


async def explaining(source: Queries, payment_id: str) -> list[dict[str, Any]]:
    """Those entries that say where the payment and its operations stand, the newest first."""
    rows = await source.fetch(_GET_EXPLAINING, payment_id, _EXPLAINING, MAX_EXPLAINING)
    return [msgspec.json.decode(row["entry"]) for row in rows]


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
