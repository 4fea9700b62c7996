"""The attempt store: what is to be sent, was sent, and came back. The row is committed before the call."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from weakref import WeakValueDictionary

import msgspec

from malipo import clock, ids
from malipo.contracts.message import Message, encode
from malipo.contracts.outcomes import Canceled, Outcome, OutcomeReported
from malipo.contracts.provider_commands import ProviderCommand, Query
from malipo.contracts.topics import OUTCOMES
from malipo.messaging.collector import Collector
from malipo.messaging.database import Queries, Row
from malipo.messaging.executor import Lease
from malipo.messaging.subscription import Received
from malipo.messaging.unit import OUTBOX, Unit, Units, outbox_row
from malipo.messaging.writes import arguments, insert, statement
from malipo.platform.logs import log
from malipo.providers.provider import Order

_COMMAND = msgspec.json.Decoder(ProviderCommand)

_RECORD = insert(
    "attempts",
    {
        "id": "text",
        "payment_id": "text",
        "merchant_id": "text",
        "kind": "text",
        "command": "bytea",
        "headers": "jsonb",
    },
    "ON CONFLICT (id) DO NOTHING",
)
# Ages are PostgreSQL's: a clock that is wrong here must never make an idempotency key look younger than it is.
_CLAIM = """
WITH due AS (
    SELECT id FROM attempts AS a
    WHERE done_at IS NULL AND due_at <= now() AND (lease_until IS NULL OR lease_until < now()) AND id <> ALL($4::text[])
      AND NOT EXISTS (
        SELECT FROM attempts AS earlier
        WHERE earlier.payment_id = a.payment_id AND earlier.done_at IS NULL AND earlier.position < a.position)
    ORDER BY due_at LIMIT $1 FOR UPDATE SKIP LOCKED
)
UPDATE attempts AS a
SET lease_token = $2, lease_until = now() + make_interval(secs => $3), tries = tries + 1
FROM due WHERE a.id = due.id
RETURNING a.id, a.payment_id, a.command, a.headers, a.tries, a.reference, a.first_sent_at, a.account, a.problem,
    now() - a.created_at AS age, now() - a.first_sent_at AS key_age
"""
# Those that lock several rows under a lease lock them in the order of their ids, lest two of them stop each other.
_MARK = """
WITH ours AS (
    SELECT a.id, tried.account FROM unnest($1::text[], $2::text[], $3::text[]) AS tried (id, token, account)
    JOIN attempts AS a ON a.id = tried.id AND a.lease_token = tried.token
    WHERE a.done_at IS NULL ORDER BY a.id FOR UPDATE OF a
)
UPDATE attempts AS a
SET first_sent_at = coalesce(a.first_sent_at, now()), account = coalesce(a.account, ours.account), problem = NULL
FROM ours WHERE a.id = ours.id RETURNING a.id
"""
_RENEW = """
WITH ours AS (
    SELECT id FROM attempts WHERE id = ANY($2::text[]) AND lease_token = $1 AND done_at IS NULL ORDER BY id FOR UPDATE
)
UPDATE attempts AS a SET lease_until = now() + make_interval(secs => $3) FROM ours WHERE a.id = ours.id RETURNING a.id
"""
_PUT_OFF = """
UPDATE attempts SET due_at = now() + make_interval(secs => $3), lease_token = NULL, lease_until = NULL
WHERE id = ANY($2::text[]) AND lease_token = $1 AND done_at IS NULL
"""
# What is told of an attempt goes into the outbox with its end, and neither when the lease was lost.
_FINISH = f"""
WITH ours AS (
    SELECT ended.* FROM unnest($2::text[], $3::jsonb[], $4::text[], {OUTBOX.arrays(5)})
        AS ended (id, outcome, reference, {OUTBOX.names})
    JOIN attempts AS a ON a.id = ended.id
    WHERE a.lease_token = $1 AND a.done_at IS NULL ORDER BY a.id FOR UPDATE OF a
), told AS (
    INSERT INTO outbox ({OUTBOX.names}) SELECT {OUTBOX.names} FROM ours
)
UPDATE attempts AS a SET outcome = ours.outcome, reference = coalesce(ours.reference, a.reference), done_at = now(),
    problem = NULL, lease_token = NULL, lease_until = NULL
FROM ours WHERE a.id = ours.id
RETURNING a.id, EXISTS (
    SELECT FROM attempts AS later
    WHERE later.payment_id = a.payment_id AND later.done_at IS NULL AND later.position > a.position) AS followed
"""  # noqa: S608 - names of ours
_POSTPONE = """
UPDATE attempts SET due_at = now() + $3::interval, problem = $4, first_sent_at = $5, account = $6,
    lease_token = NULL, lease_until = NULL
WHERE id = $1 AND lease_token = $2 AND done_at IS NULL RETURNING due_at
"""
_FIND = """
SELECT id, command, headers, first_sent_at, now() - first_sent_at AS key_age, account, reference, outcome FROM attempts
WHERE id = ANY($1::text[]) AND kind <> 'query' AND problem IS DISTINCT FROM 'never came'
"""
_BURY = """
INSERT INTO attempts (id, payment_id, merchant_id, kind, command, headers, problem, done_at)
VALUES ($1, $2, $3, $4, $5, '{}', 'never came', now())
ON CONFLICT (id) DO UPDATE SET problem = attempts.problem WHERE attempts.problem = 'never came' RETURNING id
"""


# The row decides between this and `_MARK`: who comes first is right, and the other one finds it changed.
_WITHDRAW = """
WITH unsent AS (
    SELECT id FROM attempts
    WHERE id = ANY($1::text[]) AND kind = 'charge' AND done_at IS NULL AND first_sent_at IS NULL ORDER BY id FOR UPDATE
)
UPDATE attempts AS a SET outcome = $2::jsonb, done_at = now(), problem = NULL, lease_token = NULL, lease_until = NULL
FROM unsent WHERE a.id = unsent.id RETURNING a.id
"""

_MOST_MARKS = 100
_PUT_OFF_SECONDS = 60.0


class LeaseLost(Exception):
    """Another process has the attempt now, or may have it, and will say what came of it."""


@dataclass(slots=True, weakref_slot=True)
class Hold:
    """When a lease was last known to be ours: a moment of `clock.since_boot` before the database said so."""

    since: float = field(default_factory=clock.since_boot)


@dataclass(frozen=True, slots=True)
class Claimed:
    """An attempt that this process may run now, and for how long it has waited (`age`).

    `first_sent_at` is set when an earlier try may have reached the provider: `key_age` ago, in the account with this
    fingerprint. `problem` is why the try before could not be sent; None at the first try, and after a process that died.
    Ages are those of the moment `read_at` of `clock.since_boot`; `hold` follows the renewals of the lease.
    """

    id: str
    command: ProviderCommand
    headers: dict[str, str]
    tries: int
    reference: str | None
    age: timedelta
    first_sent_at: datetime | None = None
    key_age: timedelta = timedelta()
    account: str | None = None
    problem: str | None = None
    read_at: float = field(default_factory=clock.since_boot)
    hold: Hold = field(default_factory=Hold)

    @property
    def died(self) -> bool:
        """Whether the process of an earlier try died after that may have been sent: nobody said what came of it."""
        return self.first_sent_at is not None and self.problem is None


@dataclass(frozen=True, slots=True)
class End:
    """An attempt that is at its end, and what is told of it."""

    claimed: Claimed
    report: OutcomeReported


@dataclass(frozen=True, slots=True)
class _Mark:
    """An attempt that is about to be sent to `account` by the process with this `token`."""

    id: str
    token: str
    account: str


@dataclass(frozen=True, slots=True)
class Original:
    """The attempt that a query or a callback is about. `headers` are those to hand on to what it causes.

    `key_age` is that of the moment `read_at` of `clock.since_boot`.
    """

    order: Order
    headers: dict[str, str]
    first_sent_at: datetime | None
    key_age: timedelta
    account: str | None
    reference: str | None
    outcome: Outcome | None
    read_at: float


class Attempts:
    """Attempts of one provider service. Those of one payment run in the order in which they were recorded."""

    def __init__(self, units: Units) -> None:
        self._units = units
        self._marks = Collector(self._write_marks, most=_MOST_MARKS)
        self._holds = WeakValueDictionary[str, Hold]()  # of what was claimed and is still being run

    async def record(self, nudge: Callable[[], None], unit: Unit, batch: Sequence[Received[Message]]) -> None:
        """Handler of the provider's commands: nothing is sent before this is committed, and then `nudge` is called."""
        # Those of one payment stay in their order; two processes that record the same ones wait for each other in one.
        ordered = sorted(batch, key=lambda received: received.key)
        unit.put(_RECORD, [_row(received, _command(received.message)) for received in ordered])
        unit.after_commit(nudge)

    async def withdraw(self, unit: Unit, charge_ids: Sequence[str], arriving: Sequence[Received[Message]]) -> set[str]:
        """End those of these charges as canceled that were never sent; answers which. `arriving` are recorded first."""
        if rows := [_row(received, _command(received.message)) for received in arriving]:
            await unit.transaction.execute(statement((_RECORD,)), *arguments({_RECORD: rows}))
        canceled = msgspec.to_builtins(Canceled())
        return {row["id"] for row in await unit.transaction.fetch(_WITHDRAW, charge_ids, canceled)}

    async def claim(self, lease: Lease, count: int, running: Sequence[str]) -> Sequence[Claimed]:
        """Lease up to `count` due attempts, the first open one of each payment.

        None of those in `running`: a process that has lost a lease while it waits for an answer does not ask twice.
        One that cannot be read is put off and alerted, and keeps none but those of its payment waiting.
        """
        asked_at = clock.since_boot()
        rows = await self._units.write(_CLAIM, count, lease.token, lease.seconds, running)
        read = {row["id"]: _read(row, asked_at) for row in rows}
        if unreadable := [attempt_id for attempt_id, claimed in read.items() if claimed is None]:
            await self._units.write(_PUT_OFF, lease.token, unreadable, _PUT_OFF_SECONDS)
        readable = [claimed for claimed in read.values() if claimed is not None]
        self._holds.update({claimed.id: claimed.hold for claimed in readable})
        return readable

    async def mark(self, claimed: Claimed, token: str, account: str) -> None:
        """Commit that the order may have reached `account`, before it is sent there. Raises `LeaseLost`.

        The account of an earlier try that may have arrived stays on record.
        """
        if not await self._marks.add(_Mark(claimed.id, token, account)):
            raise LeaseLost

    async def renew(self, lease: Lease, attempt_ids: Sequence[str]) -> None:
        """Extend the leases that are still ours."""
        asked_at = clock.since_boot()
        for row in await self._units.write(_RENEW, lease.token, attempt_ids, lease.seconds):
            if hold := self._holds.get(row["id"]):
                hold.since = asked_at

    async def finish(self, token: str, ends: Sequence[End]) -> dict[str, bool]:
        """Record and tell the ends of attempts, by id: whether another one of its payment waits behind it.

        An attempt whose lease was lost is missing in the answer: another process has it.
        """
        rows = await self._units.write(_FINISH, token, *zip(*map(_end_row, ends), strict=True))
        if rows:
            self._units.nudge()
        return {row["id"]: row["followed"] for row in rows}

    async def postpone(
        self, unit: Unit, claimed: Claimed, token: str, *, seconds: float, problem: str
    ) -> datetime | None:
        """Give the attempt back to be run again later: this try has not reached the provider, whatever earlier ones did.

        Answers when; None when the lease was lost.
        """
        sent = claimed.first_sent_at, claimed.account
        return await unit.transaction.fetchval(_POSTPONE, claimed.id, token, timedelta(seconds=seconds), problem, *sent)

    async def original(self, operation_id: str) -> Original | None:
        """The order that a query is about, or None when it was never recorded here."""
        return (await self.originals(self._units.reads, [operation_id])).get(operation_id)

    async def originals(self, source: Queries, operation_ids: Sequence[str]) -> dict[str, Original]:
        """Those of these operations that were recorded here, by operation id."""
        read_at = clock.since_boot()
        return {row["id"]: _original(row, read_at) for row in await source.fetch(_FIND, operation_ids)}

    async def bury(self, query: Query) -> bool:
        """Note that an order never came here, so that it has no effect should it come later; False if it has come."""
        row = query.operation_id, query.payment_id, query.merchant_id, query.kind, encode(query)
        return bool(await self._units.write(_BURY, *row))

    async def _write_marks(self, marks: Sequence[_Mark]) -> Sequence[bool]:
        """Whether each attempt was still ours, and is marked."""
        rows = await self._units.write(_MARK, *zip(*[(m.id, m.token, m.account) for m in marks], strict=True))
        ours = {row["id"] for row in rows}
        return [mark.id in ours for mark in marks]


def _command(message: Message) -> ProviderCommand:
    if not isinstance(message, ProviderCommand):
        raise TypeError(type(message).__name__)
    return message


def _row(received: Received[Message], command: ProviderCommand) -> Sequence[object]:
    """In the order of `_RECORD`. An operation has one attempt; each query of it is one of its own."""
    attempt_id = received.message_id if isinstance(command, Query) else command.operation_id
    kind = type(command).__name__.lower()
    return attempt_id, command.payment_id, command.merchant_id, kind, encode(command), received.headers


def _end_row(end: End) -> Sequence[object]:
    """In the order of `_FINISH`."""
    outcome = end.report.outcome
    told = outbox_row(ids.new("msg"), OUTCOMES, end.report.payment_id, end.report, end.claimed.headers)
    return end.claimed.id, msgspec.to_builtins(outcome), outcome.reference, *told


def _read(row: Row, asked_at: float) -> Claimed | None:
    """The attempt in a row, or None: whatever is wrong with it must not stop its neighbours."""
    try:
        return _claimed(row, asked_at)
    except Exception as error:  # noqa: BLE001 - and its words may quote what is in the row
        log.error(
            "attempt cannot be read", payment_id=row["payment_id"], attempt_id=row["id"], error=type(error).__name__
        )
        return None


def _claimed(row: Row, asked_at: float) -> Claimed:
    return Claimed(
        id=row["id"],
        command=_COMMAND.decode(row["command"]),
        headers=msgspec.convert(row["headers"], dict[str, str]),
        tries=row["tries"],
        reference=row["reference"],
        age=row["age"],
        first_sent_at=row["first_sent_at"],
        key_age=row["key_age"] or timedelta(),
        account=row["account"],
        problem=row["problem"],
        read_at=asked_at,
        hold=Hold(asked_at),
    )


def _original(row: Row, read_at: float) -> Original:
    order = _COMMAND.decode(row["command"])
    assert not isinstance(order, Query)
    outcome = row["outcome"] and msgspec.convert(row["outcome"], Outcome)
    return Original(
        order=order,
        headers=row["headers"],
        first_sent_at=row["first_sent_at"],
        key_age=row["key_age"] or timedelta(),
        account=row["account"],
        reference=row["reference"],
        outcome=outcome,
        read_at=read_at,
    )
