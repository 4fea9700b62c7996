"""The attempt store: what is to be sent, was sent, and came back. The row is committed before the call."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec

from malipo.contracts.message import Message, encode
from malipo.contracts.outcomes import Outcome
from malipo.contracts.provider_commands import ProviderCommand, Query
from malipo.messaging.database import Row
from malipo.messaging.executor import LEASE_SECONDS
from malipo.messaging.subscription import Received
from malipo.messaging.unit import Unit, Units
from malipo.providers.provider import Order

_COMMAND = msgspec.json.Decoder(ProviderCommand)
_LEASE = timedelta(seconds=LEASE_SECONDS)

_RECORD = """
INSERT INTO attempts (id, operation_id, payment_id, merchant_id, kind, command, headers)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bytea[], $7::jsonb[])
ON CONFLICT (id) DO NOTHING
"""
# One statement marks what is claimed as sent *before* it is sent, and answers what was known before that.
_CLAIM = """
WITH due AS (
    SELECT id, first_sent_at AS sent_before FROM attempts AS a
    WHERE done_at IS NULL AND due_at <= now() AND (lease_until IS NULL OR lease_until < now())
      AND NOT EXISTS (
        SELECT FROM attempts AS earlier
        WHERE earlier.payment_id = a.payment_id AND earlier.done_at IS NULL AND earlier.position < a.position)
    ORDER BY due_at LIMIT $1 FOR UPDATE SKIP LOCKED
)
UPDATE attempts AS a
SET lease_token = $2, lease_until = now() + $3::interval, tries = tries + 1,
    first_sent_at = coalesce(a.first_sent_at, now())
FROM due WHERE a.id = due.id
RETURNING a.id, a.command, a.headers, a.tries, a.reference, a.created_at, due.sent_before
"""
_RENEW = """
UPDATE attempts SET lease_until = now() + $3::interval
WHERE id = ANY($2::text[]) AND lease_token = $1 AND done_at IS NULL RETURNING id
"""
# The token is one process's; with the number of the try it is one claim's, also where a process lost a lease and
# claimed the row again while its first run of it still waited for an answer.
_FINISH = """
UPDATE attempts SET outcome = $4, reference = coalesce($5, reference), done_at = now(),
    problem = NULL, lease_token = NULL, lease_until = NULL
WHERE id = $1 AND lease_token = $2 AND tries = $3 AND done_at IS NULL RETURNING id
"""
_POSTPONE = """
UPDATE attempts SET due_at = now() + $4::interval, problem = $5, first_sent_at = $6,
    lease_token = NULL, lease_until = NULL
WHERE id = $1 AND lease_token = $2 AND tries = $3 AND done_at IS NULL
"""
_FIND = """
SELECT id, command, headers, first_sent_at, reference, outcome FROM attempts
WHERE id = ANY($1::text[]) AND kind <> 'query' AND problem IS DISTINCT FROM 'never came'
"""
_BURY = """
INSERT INTO attempts (id, operation_id, payment_id, merchant_id, kind, command, headers, problem, done_at)
VALUES ($1, $1, $2, $3, $4, $5, '{}', 'never came', now())
ON CONFLICT (id) DO UPDATE SET problem = attempts.problem WHERE attempts.problem = 'never came' RETURNING id
"""


@dataclass(frozen=True, slots=True)
class Claimed:
    """An attempt that this process may run now. `sent_before` is set when an earlier try may have reached the provider."""

    id: str
    command: ProviderCommand
    headers: dict[str, str]
    tries: int
    reference: str | None
    created_at: datetime
    sent_before: datetime | None


@dataclass(frozen=True, slots=True)
class Original:
    """The attempt that a query or a callback is about. `headers` are those to hand on to what it causes."""

    order: Order
    headers: dict[str, str]
    first_sent_at: datetime | None
    reference: str | None
    outcome: Outcome | None


class Attempts:
    """Attempts of one provider service. Those of one payment run in the order in which they were recorded."""

    def __init__(self, units: Units) -> None:
        self._units = units

    async def record(self, unit: Unit, batch: Sequence[Received[Message]]) -> None:
        """Handler of the provider's commands: nothing is sent before this is committed."""
        commands = [(received, _command(received.message)) for received in batch]
        await unit.connection.execute(
            _RECORD,
            [_attempt_id(received, command) for received, command in commands],
            [command.operation_id for _, command in commands],
            [command.payment_id for _, command in commands],
            [command.merchant_id for _, command in commands],
            [type(command).__name__.lower() for _, command in commands],
            [encode(command) for _, command in commands],
            [received.headers for received, _ in commands],
        )

    async def claim(self, token: str, count: int) -> Sequence[Claimed]:
        """Lease up to `count` due attempts, the first open one of each payment, and mark them as sent."""
        rows = await self._units.pool.fetch(_CLAIM, count, token, _LEASE)
        return [_claimed(row) for row in rows]

    async def renew(self, token: str, ids: Sequence[str]) -> set[str]:
        """Extend the leases that are still ours; answers which those are."""
        return {row["id"] for row in await self._units.pool.fetch(_RENEW, token, ids, _LEASE)}

    async def finish(self, unit: Unit, claimed: Claimed, token: str, outcome: Outcome) -> bool:
        """Record the outcome; False when the lease was lost and another process has the attempt."""
        row = await unit.connection.fetchval(
            _FINISH, claimed.id, token, claimed.tries, msgspec.to_builtins(outcome), outcome.reference
        )
        return row is not None

    async def postpone(
        self, claimed: Claimed, token: str, *, seconds: float, problem: str, sent_at: datetime | None
    ) -> None:
        """Give the attempt back to be run again later. `sent_at` of None: no try has reached the provider."""
        wait = timedelta(seconds=seconds)
        await self._units.pool.execute(_POSTPONE, claimed.id, token, claimed.tries, wait, problem, sent_at)

    async def original(self, operation_id: str) -> Original | None:
        """The order that a query is about, or None when it was never recorded here."""
        row = await self._units.pool.fetchrow(_FIND, [operation_id])
        return None if row is None else _original(row)

    async def originals(self, unit: Unit, operation_ids: Sequence[str]) -> dict[str, Original]:
        """Those of these operations that were recorded here, by operation id."""
        return {row["id"]: _original(row) for row in await unit.connection.fetch(_FIND, operation_ids)}

    async def bury(self, unit: Unit, query: Query) -> bool:
        """Note that an order never came here, so that it has no effect should it come later; False if it has come."""
        row = await unit.connection.fetchval(
            _BURY, query.operation_id, query.payment_id, query.merchant_id, query.kind, encode(query)
        )
        return row is not None


def _command(message: Message) -> ProviderCommand:
    if not isinstance(message, ProviderCommand):
        raise TypeError(type(message).__name__)
    return message


def _attempt_id(received: Received[Message], command: ProviderCommand) -> str:
    return received.message_id if isinstance(command, Query) else command.operation_id


def _claimed(row: Row) -> Claimed:
    return Claimed(
        id=row["id"],
        command=_COMMAND.decode(row["command"]),
        headers=row["headers"],
        tries=row["tries"],
        reference=row["reference"],
        created_at=row["created_at"],
        sent_before=row["sent_before"],
    )


def _original(row: Row) -> Original:
    order = _COMMAND.decode(row["command"])
    assert not isinstance(order, Query)
    outcome = row["outcome"] and msgspec.convert(row["outcome"], Outcome)
    return Original(order, row["headers"], row["first_sent_at"], row["reference"], outcome)
