"""Reads and writes the history of payments: steps, events and webhook attempts."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import msgspec

from gateway.schemas import EventFilters
from gateway.views import delivery_entry, timeline_entry
from malipo.contracts.commands import Mode
from malipo.contracts.deliveries import DeliveryReported
from malipo.contracts.events import PaymentStepped, public_event
from malipo.messaging.database import Connection, Queries

MAX_STEPS = 1000
MAX_ATTEMPTS = 2000
"""What one timeline shows at most: the last steps, and the attempts of the last deliveries."""

_EVENTS_LOCK = 0x65766E74  # "evnt"

_PUT_STEPS = """
INSERT INTO steps (payment_id, step, event_id, entry)
SELECT * FROM unnest($1::text[], $2::integer[], $3::text[], $4::json[]) ON CONFLICT DO NOTHING
"""
_ADD_EVENTS = """
INSERT INTO events (id, payment_id, sequence, merchant_id, mode, type, body)
SELECT * FROM unnest($1::text[], $2::text[], $3::integer[], $4::text[], $5::text[], $6::text[], $7::json[])
ON CONFLICT (id) DO NOTHING
"""
_PUT_DELIVERIES = """
INSERT INTO delivery_attempts (delivery_id, attempt, payment_id, event_id, entry)
SELECT * FROM unnest($1::text[], $2::integer[], $3::text[], $4::text[], $5::json[]) ON CONFLICT DO NOTHING
"""
_GET_STEPS = "SELECT event_id, entry FROM steps WHERE payment_id = $1 ORDER BY step DESC LIMIT $2"
_GET_ATTEMPTS = """
SELECT event_id, entry FROM delivery_attempts WHERE payment_id = $1 ORDER BY delivery_id DESC, attempt DESC LIMIT $2
"""
_POSITION = "SELECT position FROM events WHERE id = $1 AND merchant_id = $2 AND mode = $3"
_FILTER = "merchant_id = $1 AND mode = $2 AND ($3::text IS NULL OR payment_id = $3) AND ($4::text IS NULL OR type = $4)"
_NEWEST = f"SELECT id, body FROM events WHERE {_FILTER} AND position < $5 ORDER BY position DESC LIMIT $6"
_OLDEST = f"SELECT id, body FROM events WHERE {_FILTER} AND position > $5 ORDER BY position LIMIT $6"

type Entry = tuple[str, msgspec.Raw]
"""An event's id and its body as stored."""

FIRST_POSITION = 0
LAST_POSITION = 2**63 - 1


async def put_steps(connection: Connection, steps: Sequence[PaymentStepped]) -> None:
    """Add steps to their payments' timelines, each once."""
    await connection.execute(
        _PUT_STEPS,
        [step.payment_id for step in steps],
        [step.step for step in steps],
        [step.announcement and step.announcement.id for step in steps],
        [_json(timeline_entry(step)) for step in steps],
    )


async def add_events(connection: Connection, steps: Sequence[PaymentStepped]) -> None:
    """Append announced steps to the list of events, each once. Must be the transaction's last statement.

    A reader who asks for what came after a position must never find something before it later: so positions are
    given and committed under one lock, held from here to the commit.
    """
    announced = [(step, step.announcement) for step in steps if step.announcement is not None]
    if not announced:
        return
    await connection.execute("SELECT pg_advisory_xact_lock($1)", _EVENTS_LOCK)
    await connection.execute(
        _ADD_EVENTS,
        [announcement.id for _, announcement in announced],
        [step.payment_id for step, _ in announced],
        [announcement.sequence for _, announcement in announced],
        [step.merchant_id for step, _ in announced],
        [step.mode for step, _ in announced],
        [announcement.type for _, announcement in announced],
        [_json(public_event(step)) for step, _ in announced],
    )


async def put_deliveries(connection: Connection, attempts: Sequence[DeliveryReported]) -> None:
    """Add webhook attempts, each once."""
    await connection.execute(
        _PUT_DELIVERIES,
        [attempt.delivery_id for attempt in attempts],
        [attempt.attempt for attempt in attempts],
        [attempt.payment_id for attempt in attempts],
        [attempt.event_id for attempt in attempts],
        [_json(delivery_entry(attempt)) for attempt in attempts],
    )


async def timeline(source: Queries, payment_id: str) -> list[dict[str, Any]]:
    """The payment's steps in causal order, each with the webhook attempts that it led to."""
    attempts: defaultdict[str, list[msgspec.Raw]] = defaultdict(list)
    for row in reversed(await source.fetch(_GET_ATTEMPTS, payment_id, MAX_ATTEMPTS)):
        attempts[row["event_id"]].append(msgspec.Raw(row["entry"]))
    steps = await source.fetch(_GET_STEPS, payment_id, MAX_STEPS)
    return [
        msgspec.json.decode(row["entry"]) | {"webhooks": attempts.get(row["event_id"], [])} for row in reversed(steps)
    ]


async def position_of(source: Queries, event_id: str, merchant_id: str, mode: Mode) -> int | None:
    """Where the event stands in the list, if this merchant has it in this mode."""
    return await source.fetchval(_POSITION, event_id, merchant_id, mode)


async def list_events(
    source: Queries, merchant_id: str, mode: Mode, filters: EventFilters, *, position: int, ascending: bool, count: int
) -> list[Entry]:
    """Events after `position` oldest first, or before it newest first."""
    statement = _OLDEST if ascending else _NEWEST
    rows = await source.fetch(statement, merchant_id, mode, filters.payment_id, filters.type, position, count)
    return [(row["id"], msgspec.Raw(row["body"])) for row in rows]


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
