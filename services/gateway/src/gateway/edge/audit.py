"""The audit log: every decision about a key is durable before its request is answered, and no later than what it allowed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from gateway.tables import API_KEYS, AUDIT_LOG
from malipo.messaging.database import Database
from malipo.messaging.group_commit import GroupCommit
from malipo.messaging.unit_of_work import UnitOfWork
from malipo.messaging.writes import Write, insert, purge_of

_MAX_BATCH = 500

_RECORD = insert(AUDIT_LOG)
# The last use of a key is coarse, and never waits for another replica that writes the same.
_USE = Write(
    """UPDATE api_keys SET last_used_at = now() WHERE id IN (
    SELECT id FROM api_keys
    WHERE id = ANY({arrays}) AND (last_used_at IS NULL OR last_used_at < now() - interval '1 minute')
    ORDER BY id FOR UPDATE SKIP LOCKED
)""",
    (API_KEYS.c.id,),
)
PURGE = purge_of(AUDIT_LOG.c.at)
"""Forgets old decisions: see `Runtime.purge_after`."""


@dataclass(frozen=True)
class AuditRecord:
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


@dataclass(eq=False)
class Unwritten:
    """The record of a request that is written with the change that the request makes; if it makes none, before its answer."""

    record: AuditRecord
    written: bool = False

    def was_written(self) -> None:
        """It is committed."""
        self.written = True


class Audit:
    """Writes the records of requests that come together, and when their keys were last used, with one statement."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._records = GroupCommit(self._write, most=_MAX_BATCH)

    async def record(self, record: AuditRecord) -> None:
        """Returns when `record` is committed. Raises what the database raises: then the request must not go on."""
        await self._records.add(record)

    async def _write(self, records: Sequence[AuditRecord]) -> Sequence[None]:
        async with self._database.begin() as unit:
            _put(unit, records)
        return [None] * len(records)


def write_with(unit: UnitOfWork, unwritten: Sequence[Unwritten]) -> None:
    """Write these records with what their requests change."""
    _put(unit, [one.record for one in unwritten])
    for one in unwritten:
        unit.after_commit(one.was_written)


def _put(unit: UnitOfWork, records: Sequence[AuditRecord]) -> None:
    rows = [
        (r.at, r.request_id, r.merchant_id, r.key_id, r.allowed, r.reason, r.method, r.route, r.remote) for r in records
    ]
    unit.put(_RECORD, rows)
    unit.put(_USE, [(key_id,) for key_id in sorted({r.key_id for r in records if r.allowed and r.key_id})])
