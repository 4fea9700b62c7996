"""The attempt store: what is to be sent, was sent, and came back. The row is committed before the call."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from weakref import WeakValueDictionary

import msgspec

from malipo import clock, ids
from malipo.contracts.message import Message, encode
from malipo.contracts.outcomes import Canceled
from malipo.contracts.provider_commands import Query, Withdraw
from malipo.contracts.topics import OUTCOMES
from malipo.messaging.database import Database
from malipo.messaging.executor import Lease
from malipo.messaging.group_commit import GroupCommit
from malipo.messaging.handover import HANDED_OVER
from malipo.messaging.pool import Row
from malipo.messaging.subscription import Received
from malipo.messaging.tables import OUTBOX
from malipo.messaging.unit_of_work import INSERT_OUTBOX, UnitOfWork, outbox_row
from malipo.messaging.writes import Sends, Write, insert, names
from provider_kit import knowledge
from provider_kit.attempt_rows import (
    ClaimedAttempt,
    FinishedAttempt,
    LeaseHold,
    OriginalAttempt,
    PostponedAttempt,
    account_of,
    command_of,
    new_row,
    read,
)
from provider_kit.provider import Ages
from provider_kit.references import KEEP, KEEP_OF, KNOWN, OWN, columns, in_order, rows
from provider_kit.restored import FORGOTTEN, Restored
from provider_kit.tables import ATTEMPTS, NEW_ATTEMPT, OPERATION_IS_DUE, QUERY_IS_DUE

_RECORD = insert(ATTEMPTS, "ON CONFLICT (id) DO NOTHING", NEW_ATTEMPT)
_STEP = len(NEW_ATTEMPT) + 1
# While an operation or a query of it is open here, another query is not recorded: the end of the last one that is open
# answers it, and will tell so. It is recorded where that one is locked, and so is perhaps ending; and behind an operation
# that comes in the same batch, although a query has overtaken it: that query's end says nothing about what comes later.
_RECORD_WITH_QUERIES = f"""
WITH new AS MATERIALIZED (SELECT * FROM unnest({_RECORD.arrays(1)}, ${_STEP}::integer[]) AS new ({_RECORD.names}, step)
), coming AS (
    SELECT id FROM new WHERE kind <> 'query' AND NOT EXISTS (SELECT FROM attempts AS here WHERE here.id = new.id)
), last AS (
    SELECT DISTINCT ON (open.operation_id) open.id, new.step
    FROM new JOIN attempts AS open ON open.payment_id = new.payment_id AND open.operation_id = new.operation_id
    WHERE new.kind = 'query' AND open.done_at IS NULL AND new.operation_id NOT IN (SELECT id FROM coming)
    ORDER BY open.operation_id, open.position DESC, new.step DESC
), held AS (
    SELECT a.id, a.operation_id, last.step FROM attempts AS a JOIN last USING (id)
    WHERE a.done_at IS NULL FOR UPDATE OF a SKIP LOCKED
), told AS (
    UPDATE attempts AS a SET also_answers = greatest(a.also_answers, held.step) FROM held WHERE a.id = held.id
)
INSERT INTO attempts ({_RECORD.names}) SELECT {_RECORD.names} FROM new
WHERE kind <> 'query' OR operation_id NOT IN (SELECT operation_id FROM held)
ON CONFLICT (id) DO NOTHING
"""  # noqa: S608 - names of ours
_NOTHING_EARLIER = """NOT EXISTS (
    SELECT FROM attempts AS earlier
    WHERE earlier.payment_id = a.payment_id AND earlier.done_at IS NULL AND earlier.position < a.position)"""
# Ages are PostgreSQL's: a clock that is wrong here must never make an idempotency key look younger than it is, nor keep
# an operation from expiring.
_CLAIM = f"""
WITH due AS (
    SELECT id FROM attempts AS a
    WHERE {{due}} AND id <> ALL($4::text[]) AND account <> ALL($5::text[])
      AND {_NOTHING_EARLIER}
    ORDER BY due_at LIMIT $1 FOR UPDATE SKIP LOCKED
)
UPDATE attempts AS a
SET lease_token = $2, lease_until = now() + make_interval(secs => $3), tries = tries + 1
FROM due WHERE a.id = due.id
RETURNING a.id, a.payment_id, a.command, a.headers, a.tries, a.reference, a.first_sent_at, {FORGOTTEN} AS forgotten, a.account_fingerprint, a.address_key, a.problem,
    now() - a.created_at AS age, now() - a.first_sent_at AS key_age, a.expires_at - now() AS expires_in, CASE WHEN a.tries > 1 THEN {KNOWN.format(id="a.id")} END AS known
"""  # noqa: S608 - text of ours
_CLAIM_OPERATIONS, _CLAIM_QUERIES = _CLAIM.format(due=OPERATION_IS_DUE), _CLAIM.format(due=QUERY_IS_DUE)
# What nobody has claimed was never sent. Whoever is the first to lease it, by a claim or by one of these, leaves it so no more.
_FRESH = f"a.done_at IS NULL AND a.tries = 0 AND a.lease_token IS NULL AND {_NOTHING_EARLIER}"
_LEASE = f"""
UPDATE attempts AS a SET lease_token = $2, lease_until = now() + make_interval(secs => $3), tries = 1 WHERE id = $1 AND {_FRESH}
RETURNING id
"""  # noqa: S608 - text of ours
# Statements that lock several rows under a lease lock them in the order of their ids, lest two of them deadlock.
# What a process has chosen that lost its lease is nobody's choice: a later try would be made of another thing than the last.
_MARK = f"""
WITH ours AS (
    SELECT a.id, tried.token, tried.account_fingerprint, tried.address_key, tried.takes_seconds,
        a.expires_at - now() AS expires_in, a.expires_at <= now() AS expired
    FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::double precision[])
        AS tried (id, token, account_fingerprint, address_key, takes_seconds)
    JOIN attempts AS a ON a.id = tried.id
    WHERE a.done_at IS NULL AND CASE WHEN tried.takes_seconds IS NULL THEN a.lease_token = tried.token ELSE {_FRESH} END
    ORDER BY a.id FOR UPDATE OF a
), marked AS (
    UPDATE attempts AS a
    SET first_sent_at = coalesce(a.first_sent_at, now()), account_fingerprint = coalesce(a.account_fingerprint, ours.account_fingerprint),
        address_key = coalesce(a.address_key, ours.address_key), problem = NULL, tries = greatest(a.tries, 1),
        lease_token = ours.token, lease_until = coalesce(now() + make_interval(secs => ours.takes_seconds), a.lease_until)
    FROM ours WHERE a.id = ours.id AND ours.expired IS NOT TRUE RETURNING a.id
), named AS ({KEEP_OF.format(arrays=KEEP.arrays(6), attempts="marked")}
)
SELECT id, expired, expires_in FROM ours
"""  # noqa: S608 - names of ours
_RENEW = """
WITH ours AS (
    SELECT id FROM attempts WHERE id = ANY($2::text[]) AND lease_token = $1 AND done_at IS NULL ORDER BY id FOR UPDATE
)
UPDATE attempts AS a SET lease_until = now() + make_interval(secs => $3) FROM ours WHERE a.id = ours.id RETURNING a.id
"""
_POSTPONE_UNREADABLE = """
UPDATE attempts SET due_at = now() + make_interval(secs => $3), lease_token = NULL, lease_until = NULL
WHERE id = ANY($2::text[]) AND lease_token = $1 AND done_at IS NULL
"""
_ENDED = (ATTEMPTS.c.id, ATTEMPTS.c.lease_token, ATTEMPTS.c.outcome, ATTEMPTS.c.reference)
# The end of an attempt and the report of it in the outbox are written together; neither is when the lease was lost.
_COLUMNS = (*_ENDED, *INSERT_OUTBOX.columns)
# Which query the end also answers is known under the row's lock alone, so that the report is given that as its last field here;
# such a one is not handed over, but found in the outbox.
_REPORT = """CASE a.also_answers WHEN 0 THEN ended.payload
    ELSE substring(ended.payload FOR length(ended.payload) - 1) || convert_to(format(',"also_answers":%s}}', a.also_answers), 'UTF8') END"""
_AS_SENT = [column for column in _COLUMNS if column is not OUTBOX.c.payload]
_FINISH = Write(
    f"""SELECT (SELECT jsonb_object_agg(id, followed_by) FROM finished) AS ended, (SELECT bool_or(altered) FROM ours) AS altered,
{HANDED_OVER} FROM reported WHERE message_id IN (SELECT message_id FROM ours WHERE NOT altered)""",  # noqa: S608 - names of ours
    _COLUMNS,
    f"""ours AS (
    SELECT {names(_AS_SENT, "ended.")}, {_REPORT} AS payload, a.also_answers <> 0 AS altered
    FROM unnest({{arrays}}) AS ended ({{names}})
    JOIN attempts AS a ON a.id = ended.id AND a.lease_token = ended.lease_token
    WHERE a.done_at IS NULL ORDER BY a.id FOR UPDATE OF a
), reported AS (
    INSERT INTO outbox ({INSERT_OUTBOX.names}) SELECT {INSERT_OUTBOX.names} FROM ours RETURNING id, message_id
), finished AS (
    UPDATE attempts AS a SET outcome = ours.outcome, reference = coalesce(ours.reference, a.reference), done_at = now(),
        problem = NULL, lease_token = NULL, lease_until = NULL
    FROM ours WHERE a.id = ours.id
    RETURNING a.id, (
        SELECT kind FROM attempts AS later
        WHERE later.payment_id = a.payment_id AND later.done_at IS NULL AND later.position > a.position
        ORDER BY position LIMIT 1) AS followed_by
)""",  # noqa: S608 - names of ours
    sends=Sends.HANDED_OVER,
)
# Never beyond the expiry, so that the end is reported at once. What has expired already was perhaps sent, and is queried.
# What was to be withdrawn during this try, and is now known not to have been sent, ends here.
_WITHDRAWN = "withdrawn_step IS NOT NULL AND $5::timestamptz IS NULL"
_POSTPONE = f"""
UPDATE attempts SET due_at = now() + CASE WHEN expires_at > now() THEN least($3::interval, expires_at - now()) ELSE $3::interval END,
    problem = CASE WHEN {_WITHDRAWN} THEN NULL ELSE $4 END, first_sent_at = $5, account_fingerprint = $6,
    outcome = CASE WHEN {_WITHDRAWN} THEN $7::jsonb END, done_at = CASE WHEN {_WITHDRAWN} THEN now() END,
    lease_token = NULL, lease_until = NULL
WHERE id = $1 AND lease_token = $2 AND done_at IS NULL
RETURNING due_at, CASE WHEN done_at IS NOT NULL THEN withdrawn_step END AS withdrawn_step, also_answers
"""  # noqa: S608 - text of ours
_KEEP_REFERENCE = "UPDATE attempts SET reference = $2 WHERE id = $1 AND kind <> 'query' AND reference IS NULL"
_TOMBSTONE = """
INSERT INTO attempts (id, operation_id, payment_id, merchant_id, kind, command, account, headers, problem, done_at)
VALUES ($1, $1, $2, $3, $4, $5, $6, '{}', 'tombstone', now())
ON CONFLICT (id) DO UPDATE SET problem = attempts.problem WHERE attempts.problem = 'tombstone' RETURNING id
"""


# The row decides between this and `_MARK`: the first wins, and the other finds the row changed. What is marked may have
# been sent; if it was not after all, `_POSTPONE` ends it.
_WITHDRAW = """
WITH open AS (
    SELECT a.id, withdraw.step, a.first_sent_at IS NULL AS unsent
    FROM unnest($1::text[], $2::text[], $3::integer[]) AS withdraw (id, kind, step) JOIN attempts AS a USING (id, kind)
    WHERE a.done_at IS NULL ORDER BY a.id FOR UPDATE OF a
), deferred AS (
    UPDATE attempts AS a SET withdrawn_step = open.step FROM open WHERE a.id = open.id AND NOT open.unsent
)
UPDATE attempts AS a SET outcome = $4::jsonb, done_at = now(), problem = NULL, lease_token = NULL, lease_until = NULL
FROM open WHERE a.id = open.id AND open.unsent RETURNING a.id, a.also_answers
"""

_CANCELED = msgspec.to_builtins(Canceled())
_MOST_MARKS = 100
_UNREADABLE_SECONDS = 60.0


class LeaseLost(Exception):
    """Another process has the attempt now, or may have it, and will report its outcome."""


class Expired(Exception):
    """The operation has expired: it may no longer be sent."""


@dataclass(frozen=True, slots=True)
class _Mark:
    """An attempt that is about to be sent to this account by the process with this `token`, which takes the lease for
    `takes_seconds` unless it has it.
    """

    id: str
    token: str
    account_fingerprint: str
    address_key: str | None
    takes_seconds: float | None
    names: Sequence[tuple[str, str, str]]


class Attempts:
    """Attempts of one provider service. Those of one payment run in the order in which they were recorded."""

    def __init__(self, database: Database, restored: Restored | None = None) -> None:
        self._database = database
        self.restored = restored or Restored()
        self._marks = GroupCommit(self._write_marks, most=_MOST_MARKS)
        self._holds = WeakValueDictionary[str, LeaseHold]()  # of what was claimed and is still being run

    async def record(self, unit: UnitOfWork, batch: Sequence[Received[Message]]) -> None:
        """Record these operations and queries with the unit of work: nothing is sent before this is committed.

        Of queries about one operation there is one in a batch.
        """
        # Those of one payment keep their sequence. All processes insert in the order of payments, lest two deadlock.
        ordered = sorted(batch, key=lambda received: received.key)
        if self.restored.at or any(isinstance(received.message, Query) for received in ordered):
            await self._record_at_once(unit, ordered)
        else:
            unit.put(_RECORD, [new_row(received, command_of(received.message)) for received in ordered])

    async def withdraw(
        self, unit: UnitOfWork, withdraws: Sequence[Withdraw], arriving: Sequence[Received[Message]]
    ) -> dict[str, int]:
        """Cancel those of these operations that were never sent. `arriving` are recorded first.

        Returns by id the `also_answers` of its report. For one that is being sent the withdrawal is deferred: it ends if it
        turns out that nothing was sent (`postpone`).
        """
        if arriving or self.restored.at:
            await self._record_at_once(unit, arriving)
        what = zip(*((one.operation_id, one.kind, one.step) for one in withdraws), strict=True)
        ended = await unit.transaction.fetch(_WITHDRAW, *map(list, what), _CANCELED)
        return {row["id"]: row["also_answers"] for row in ended}

    async def _record_at_once(self, unit: UnitOfWork, batch: Sequence[Received[Message]]) -> None:
        if batch:
            await unit.transaction.execute(_RECORD_WITH_QUERIES, *_columns_with_steps(batch))
        await self.restored.mark(unit.transaction, batch)

    async def lease(self, claimed: ClaimedAttempt) -> bool:
        """Lease the attempt unless that is done; False when another process was faster, or has to be: nothing was sent by us."""
        if (lease := claimed.hold.wanted) is None:
            return True
        asked_at = clock.since_boot()
        leased = bool(await self._database.write(_LEASE, claimed.id, *lease))
        if leased:
            self._hold(claimed, asked_at)
        return leased

    async def claim_operations(
        self, lease: Lease, count: int, running: Sequence[str], without: Sequence[str] = ()
    ) -> Sequence[ClaimedAttempt]:
        """Lease up to `count` due operations, each the first open attempt of its payment, none of the accounts in `without`.

        None of those in `running`: a process that lost a lease while it waits for a response must not send twice.
        One that cannot be read is postponed and alerted; only later attempts of its payment wait for it.
        """
        return await self._claim(_CLAIM_OPERATIONS, lease, count, running, without)

    async def claim_queries(
        self, lease: Lease, count: int, running: Sequence[str], without: Sequence[str] = ()
    ) -> Sequence[ClaimedAttempt]:
        """The same for due queries: however many wait, they take no room from operations."""
        return await self._claim(_CLAIM_QUERIES, lease, count, running, without)

    async def mark(
        self,
        claimed: ClaimedAttempt,
        account_fingerprint: str,
        own: Sequence[str] = (),
        address_key: str | None = None,
    ) -> Ages:
        """Commit that the operation may have reached this account, before it is sent there, and under which names of our `own`;
        with that, what was noted of it before, so that a later try knows what this one was made of.

        The account of an earlier try that may have arrived stays on record, and the key of the first one's addresses. Of what
        nobody had claimed it takes the lease. Returns how old the attempt is. Raises `LeaseLost`, or `Expired` when the
        operation has expired by PostgreSQL's clock: then nothing has changed.
        """
        wanted = claimed.hold.wanted
        noted = claimed.references.noted
        names = rows(claimed.command.operation_id, None, [*noted, *((OWN, name) for name in own)])
        marked = await self._marks.add(
            _Mark(claimed.id, claimed.token, account_fingerprint, address_key, wanted and wanted.seconds, names)
        )
        if wanted is None:
            return claimed.ages
        self._hold(claimed, marked.read_at)
        return marked

    async def renew(self, lease: Lease, attempt_ids: Sequence[str]) -> None:
        """Extend the leases that are still ours."""
        asked_at = clock.since_boot()
        for row in await self._database.write(_RENEW, lease.token, attempt_ids, lease.seconds):
            if hold := self._holds.get(row["id"]):
                hold.since = asked_at

    async def finish(self, ends: Sequence[FinishedAttempt]) -> dict[str, str | None]:
        """Record and report the ends of attempts. Returns by id the kind of the next attempt of its payment, if one waits behind it.

        An attempt whose lease was lost is missing in the result: another process has it. The provider's ids are kept in any case.
        """
        answer: list[Row] = []
        async with self._database.begin() as unit:
            unit.put(KEEP, in_order([row for end in ends for row in _references(end)]))
            unit.put(_FINISH, [_end_row(end) for end in ends], answer.extend)
        if answer[0]["altered"]:
            self._database.nudge()
        return answer[0]["ended"] or {}

    async def postpone(
        self, unit: UnitOfWork, claimed: ClaimedAttempt, *, seconds: float, problem: str
    ) -> PostponedAttempt | None:
        """Release the attempt to be run again later: this try has not reached the provider, whatever earlier ones did.

        It runs again when it expires at the latest; a charge or confirm that was to be withdrawn, and that no earlier try sent
        either, ends as canceled. None when the lease was lost.
        """
        earlier = claimed.first_sent_at, claimed.account_fingerprint
        row = await unit.transaction.fetchrow(
            _POSTPONE, claimed.id, claimed.token, timedelta(seconds=seconds), problem, *earlier, _CANCELED
        )
        if row is None:
            return None
        unit.put(KEEP, in_order(rows(claimed.command.operation_id, None, claimed.references.noted)))
        return PostponedAttempt(row["due_at"], row["withdrawn_step"], row["also_answers"])

    async def keep_reference(self, claimed: ClaimedAttempt, reference: str) -> None:
        """Keep the provider's id of what an operation made although its lease was lost: later queries can read it."""
        await self._database.write(_KEEP_REFERENCE, claimed.id, reference)

    async def original(self, operation_id: str) -> OriginalAttempt | None:
        """The attempt of the operation that a query is about, or None when it was never recorded here."""
        return (await knowledge.originals(self._database.reads, [operation_id])).get(operation_id)

    async def tombstone(self, query: Query) -> bool:
        """Record that an operation never came here, so that it has no effect if it comes later; False if it has come."""
        row = query.operation_id, query.payment_id, query.merchant_id, query.kind, encode(query), account_of(query)
        return bool(await self._database.write(_TOMBSTONE, *row))

    async def _claim(
        self, query: str, lease: Lease, count: int, running: Sequence[str], without: Sequence[str]
    ) -> Sequence[ClaimedAttempt]:
        asked_at = clock.since_boot()
        leased = await self._database.write(query, count, lease.token, lease.seconds, running, without)
        found = {row["id"]: read(row, lease.token, asked_at) for row in leased}
        if unreadable := [attempt_id for attempt_id, claimed in found.items() if claimed is None]:
            await self._database.write(_POSTPONE_UNREADABLE, lease.token, unreadable, _UNREADABLE_SECONDS)
        readable = [claimed for claimed in found.values() if claimed is not None]
        self._holds.update({claimed.id: claimed.hold for claimed in readable})
        return readable

    def _hold(self, claimed: ClaimedAttempt, asked_at: float) -> None:
        claimed.hold.confirm(asked_at)
        self._holds[claimed.id] = claimed.hold

    async def _write_marks(self, marks: Sequence[_Mark]) -> Sequence[LeaseLost | Expired | Ages]:
        """How old each attempt is that is marked now; else what is to be raised: its lease was lost, or it has expired."""
        asked_at = clock.since_boot()
        tried = zip(
            *[(m.id, m.token, m.account_fingerprint, m.address_key, m.takes_seconds) for m in marks], strict=True
        )
        marked = await self._database.write(_MARK, *tried, *columns([row for mark in marks for row in mark.names]))
        found: dict[str, LeaseLost | Expired | Ages] = {
            row["id"]: Expired() if row["expired"] else Ages(expires_in=row["expires_in"], read_at=asked_at)
            for row in marked
        }
        return [found.get(mark.id, LeaseLost()) for mark in marks]


def _columns_with_steps(batch: Sequence[Received[Message]]) -> list[Sequence[object]]:
    """The arguments of `_RECORD_WITH_QUERIES`."""
    commands = [command_of(received.message) for received in batch]
    rows_ = [(*new_row(received, one), one.step) for received, one in zip(batch, commands, strict=True)]
    return list(zip(*rows_, strict=True))


def _references(end: FinishedAttempt) -> list[tuple[str, str, str]]:
    """What is known by now of the operation that was carried out or queried."""
    claimed = end.claimed
    return rows(claimed.command.operation_id, end.report.outcome.reference, claimed.references.noted)


def _end_row(end: FinishedAttempt) -> Sequence[object]:
    """In the order of `_FINISH`."""
    outcome = end.report.outcome
    message = outbox_row(ids.new("msg"), OUTCOMES, end.report.payment_id, end.report, end.claimed.headers)
    return end.claimed.id, end.claimed.token, msgspec.to_builtins(outcome), outcome.reference, *message
