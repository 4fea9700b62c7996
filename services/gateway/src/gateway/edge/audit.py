"""The audit log: every decision about a key is durable before its request is answered, many in one statement."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from gateway.tables import AUDIT_LOG
from malipo.messaging.database import Database
from malipo.messaging.group_commit import GroupCommit
from malipo.messaging.writes import arrays, given, names, purge_of

_MAX_BATCH = 500

# The last use of a key is coarse, and never waits for another replica that writes the same.
_DECISION = given(AUDIT_LOG)
_RECORD = f"""
WITH recorded AS (
    INSERT INTO audit_log ({names(_DECISION)}) SELECT * FROM unnest({arrays(_DECISION)})
)
UPDATE api_keys SET last_used_at = now() WHERE id IN (
    SELECT id FROM api_keys
    WHERE id = ANY(${len(_DECISION) + 1}::text[]) AND (last_used_at IS NULL OR last_used_at < now() - interval '1 minute')
    ORDER BY id FOR UPDATE SKIP LOCKED
)
"""  # noqa: S608 - names of ours
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


class Audit:
    """Writes the records of requests that come together, and when their keys were last used, with one statement."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._records = GroupCommit(self._write, most=_MAX_BATCH)

    async def record(self, record: AuditRecord) -> None:
        """Returns when `record` is committed. Raises what the database raises: then the request must not go on."""
        await self._records.add(record)

    async def _write(self, records: Sequence[AuditRecord]) -> Sequence[None]:
        await self._database.write(
            _RECORD,
            [record.at for record in records],
            [record.request_id for record in records],
            [record.merchant_id for record in records],
            [record.key_id for record in records],
            [record.allowed for record in records],
            [record.reason for record in records],
            [record.method for record in records],
            [record.route for record in records],
            [record.remote for record in records],
            [record.key_id for record in records if record.allowed],
        )
        return [None] * len(records)
