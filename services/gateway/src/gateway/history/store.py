"""Reads and writes the entries of payments' timelines."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from gateway.history.entries import Entry, Kind
from malipo.messaging.database import Queries
from malipo.messaging.unit import Unit
from malipo.messaging.writes import insert

MAX_ENTRIES = 1000
"""What one timeline shows at most: the newest."""
MAX_EXPLAINING = 10_000
_EXPLAINING: tuple[Kind, ...] = ("request", "step", "attempt", "postponed", "refusal")
_PUT_ENTRIES = insert(
    "timeline",
    {"payment_id": "text", "id": "text", "kind": "text", "at": "timestamptz", "entry": "json"},
    "ON CONFLICT DO NOTHING",
)
_GET_ENTRIES = "SELECT at, entry FROM timeline WHERE payment_id = $1 ORDER BY at DESC LIMIT $2"
_GET_EXPLAINING = """
SELECT entry FROM timeline WHERE payment_id = $1 AND kind = ANY($2::text[]) ORDER BY at DESC LIMIT $3
"""


def put_entries(unit: Unit, entries: Sequence[Entry]) -> None:
    """Add entries to their payments' timelines, each once."""
    ordered = sorted(entries, key=lambda entry: entry[:2])  # one order of locking for all
    rows = [(entry.payment_id, entry.id, entry.kind, entry.at, _json(entry.body)) for entry in ordered]
    unit.put(_PUT_ENTRIES, rows)


async def timeline(source: Queries, payment_id: str) -> list[tuple[datetime, dict[str, Any]]]:
    """The payment's newest entries with their times, in no order."""
    rows = await source.fetch(_GET_ENTRIES, payment_id, MAX_ENTRIES)
    return [(row["at"], msgspec.json.decode(row["entry"])) for row in rows]


async def explaining(source: Queries, payment_id: str) -> list[dict[str, Any]]:
    """Those entries that say where the payment and its operations stand, the newest first."""
    rows = await source.fetch(_GET_EXPLAINING, payment_id, _EXPLAINING, MAX_EXPLAINING)
    return [msgspec.json.decode(row["entry"]) for row in rows]


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
