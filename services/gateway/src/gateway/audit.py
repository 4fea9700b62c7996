"""The audit log: every decision about a key is durable before its request is answered, many in one INSERT."""

import asyncio
from dataclasses import dataclass, field
from datetime import datetime

from gateway import store_merchants
from malipo.messaging.unit import Units

_MAX_BATCH = 500

_INSERT = """
INSERT INTO audit_log (at, request_id, merchant_id, key_id, allowed, reason, method, route, remote)
SELECT * FROM unnest($1::timestamptz[], $2::text[], $3::text[], $4::text[], $5::boolean[], $6::text[], $7::text[],
                     $8::text[], $9::text[])
"""


@dataclass(frozen=True)
class Entry:
    """One decision. `reason` is `allowed` or the problem's code; `key_id` is of a key that exists, never what was sent."""

    at: datetime
    request_id: str
    merchant_id: str | None
    key_id: str | None
    reason: str
    method: str
    route: str
    remote: str

    @property
    def allowed(self) -> bool:
        """Whether the request went on."""
        return self.reason == "allowed"


@dataclass
class _Batch:
    entries: list[Entry] = field(default_factory=list[Entry])
    written: asyncio.Task[None] | None = None


class Audit:
    """Collects the entries that come while an INSERT is under way and writes them with the next one."""

    def __init__(self, units: Units) -> None:
        self._units = units
        self._turn = asyncio.Lock()
        self._open: _Batch | None = None

    async def record(self, entry: Entry) -> None:
        """Returns when `entry` is committed. Raises what the database raises: then the request must not go on."""
        batch = self._open
        if batch is None or len(batch.entries) >= _MAX_BATCH:
            batch = self._open = _Batch()
            batch.written = asyncio.create_task(self._write(batch), name="audit")
        batch.entries.append(entry)
        assert batch.written is not None
        await asyncio.shield(batch.written)  # a client that goes away must not take its neighbours' entries along

    async def _write(self, batch: _Batch) -> None:
        async with self._turn:
            if self._open is batch:
                self._open = None
            await self._insert(batch.entries)

    async def _insert(self, entries: list[Entry]) -> None:
        async with self._units.begin() as unit:
            await unit.connection.execute(
                _INSERT,
                [entry.at for entry in entries],
                [entry.request_id for entry in entries],
                [entry.merchant_id for entry in entries],
                [entry.key_id for entry in entries],
                [entry.allowed for entry in entries],
                [entry.reason for entry in entries],
                [entry.method for entry in entries],
                [entry.route for entry in entries],
                [entry.remote for entry in entries],
            )
            await store_merchants.touch_keys(unit.connection, [e.key_id for e in entries if e.allowed and e.key_id])
