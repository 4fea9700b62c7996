"""The deliveries as a queue: in order per endpoint and payment, fair between endpoints, claimed under leases.

A lane is what one endpoint gets about one payment. Only the first pending delivery of a lane has a `due_at`; when it
ends, the next one gets it. One that has failed for too long is overtaken: it leaves its lane, is still retried at its
own times, and the next one gets a `due_at` as well. Whether a lane has anything pending can be read without a lock;
which delivery is its first cannot: the next one is made due under the lock on the first.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from malipo import clock
from malipo.contracts.commands import Mode
from malipo.messaging.database import Database
from malipo.messaging.executor import Lease
from malipo.messaging.handover import HANDED_OVER
from malipo.messaging.pool import Row, Statements
from malipo.messaging.unit_of_work import INSERT_OUTBOX, UnitOfWork
from malipo.messaging.writes import Sends, Write, names
from webhook_dispatcher.tables import ATTEMPTS, DELIVERIES


@dataclass(frozen=True, slots=True)
class Delivery:
    """A claimed delivery with all that an attempt needs. `attempts` counts those recorded so far.

    `claimed_at` is PostgreSQL's time, and `received` that of our own monotonic clock at that moment. `still_retried` is
    the sequence of the payment's first earlier event that this one overtakes.
    """

    id: str
    event_id: str
    type: str
    endpoint_id: str
    payment_id: str
    merchant_id: str
    mode: Mode
    attempts: int
    lease_token: str
    url: str
    secret_ciphertext: str
    headers: dict[str, str]
    body: bytes
    observed_at: datetime
    failing_since: datetime | None
    still_retried: int | None
    claimed_at: datetime
    received: float

    def now(self) -> datetime:
        """The time by PostgreSQL's clock. The machine's own may be an hour off, which receivers of signatures refuse."""
        return self.claimed_at + timedelta(seconds=clock.since_boot() - self.received)


class AttemptRow(NamedTuple):
    """One attempt that is over. When it is `retrying`, `due_at` is that of the next one, and `failing_since` is now unless an
    earlier one has failed; `report` is the outbox's row.
    """

    delivery_id: str
    lease_token: str
    attempt: int
    attempted_at: datetime
    duration_ms: int
    result: str
    http_status: int | None
    error: str | None
    response: str
    due_at: datetime | None
    failing_since: datetime | None
    report: Sequence[object]


class Backlog(NamedTuple):
    """What is still to be delivered."""

    pending: int
    in_flight: int
    oldest_due_seconds: float
    waiting_events: int
    overtaken: int


IS_DUE = "d.state = 'pending' AND d.due_at <= now() AND (d.lease_until IS NULL OR d.lease_until <= now())"
"""Condition on `deliveries d`: it is to be sent, and nobody has it in hand. `due_deliveries` has it, too; the chart scales by such."""
# A part of a statement: deliveries for all of `wanted`, at the end of their lanes. One that finds its lane without a
# pending delivery is due at once, which needs no lock: nothing that has ended becomes pending again. One that has another
# `ahead` is not, and that other one may be ending just now: see `FOLLOWED` and `promote`.
# A delivery's id follows from its event and endpoint, and is as old as its event.
ADD_WANTED = """
placed AS (
    SELECT wanted.*, ahead, ahead IS NULL
               AND row_number() OVER (PARTITION BY wanted.endpoint_id, wanted.payment_id ORDER BY wanted.sequence) = 1
           AS due
    FROM wanted LEFT JOIN LATERAL (
        SELECT d.delivery_id AS ahead FROM deliveries d
        WHERE d.endpoint_id = wanted.endpoint_id AND d.payment_id = wanted.payment_id AND d.state = 'pending'
          AND d.overtaken_at IS NULL ORDER BY d.sequence LIMIT 1
    ) pending ON true
), added AS (
    INSERT INTO deliveries (delivery_id, event_id, endpoint_id, payment_id, sequence, due_at)
    SELECT 'del_' || substr(event_id, 5, 10)
                  || left(encode(sha256(convert_to(event_id || endpoint_id, 'UTF8')), 'hex'), 16),
           event_id, endpoint_id, payment_id, sequence, CASE WHEN due THEN now() END
    FROM placed ON CONFLICT (event_id, endpoint_id) DO NOTHING
)
"""
# A part of a statement: what is `ahead` of one that was placed is written to, so that this and its end follow each other.
# Returns what is still pending and not overtaken then, and whether it is free to be claimed: a claim passes over it while
# it is locked here. Lanes are locked in the order in which ends lock them, lest two deadlock.
FOLLOWED = """
followed AS (
    UPDATE deliveries SET due_at = due_at
    WHERE delivery_id = ANY(ARRAY(
        SELECT delivery_id FROM deliveries
        WHERE delivery_id = ANY(ARRAY(SELECT ahead FROM placed)) AND ended_at IS NULL AND overtaken_at IS NULL
        ORDER BY endpoint_id, payment_id FOR NO KEY UPDATE
    ))
    RETURNING due_at <= now() AND (lease_until IS NULL OR lease_until <= now()) AS free
)
"""
# The lock on a lane's head makes "this one ended" and "that one came" follow each other. When the head ended while
# this waited for its lock, the row no longer matches and the lane's next one is chosen. It has to be a statement of its
# own, after those that acquired the locks: only so does it see what came while they waited. A head that is due already is
# written to as well: whoever is ending it then sees that it has changed, and looks again for what comes next.
_PROMOTE = f"""
WITH head AS MATERIALIZED (
    SELECT head.delivery_id, head.due_at FROM unnest($1::text[], $2::text[]) AS lane (endpoint_id, payment_id)
    CROSS JOIN LATERAL (
        SELECT d.delivery_id, d.due_at FROM deliveries d
        WHERE d.endpoint_id = lane.endpoint_id AND d.payment_id = lane.payment_id AND d.state = 'pending'
          AND d.overtaken_at IS NULL ORDER BY d.sequence LIMIT 1 FOR UPDATE
    ) head
), promoted AS (
    UPDATE deliveries SET due_at = coalesce(due_at, now()) WHERE delivery_id = ANY(ARRAY(SELECT delivery_id FROM head))
)
SELECT EXISTS (SELECT FROM head WHERE due_at IS NULL) OR EXISTS (
    SELECT FROM (SELECT DISTINCT unnest($1::text[]) AS endpoint_id) AS endpoint
    CROSS JOIN LATERAL (
        SELECT FROM deliveries d
        WHERE d.endpoint_id = endpoint.endpoint_id AND {IS_DUE}
        ORDER BY d.due_at LIMIT 1
    ) free
)
"""  # noqa: S608 - text of ours
# `due_deliveries` is part of the schema: a function reads anew after it has its lock, a statement does not. What it has
# chosen is checked again under the rows' locks: a process that had lost its lease may have ended it meanwhile. There,
# `= ANY(ARRAY(...))` and `ended_at` leave the planner the primary key only; else it expects few due rows and scans all.
_CLAIM = """
WITH chosen AS MATERIALIZED (
    SELECT due_deliveries($2, $3, $5) AS delivery_id
), mine AS MATERIALIZED (
    SELECT delivery_id FROM deliveries
    WHERE delivery_id = ANY(ARRAY(SELECT delivery_id FROM chosen))
      AND ended_at IS NULL AND due_at <= now() AND (lease_until IS NULL OR lease_until <= now())
    FOR UPDATE SKIP LOCKED
), leased AS (
    UPDATE deliveries SET lease_token = $1, lease_until = clock_timestamp() + make_interval(secs => $4)  -- after the wait
    WHERE delivery_id = ANY(ARRAY(SELECT delivery_id FROM mine))
    RETURNING *
)
SELECT leased.delivery_id AS id, event_id, e.type, endpoint_id, leased.payment_id, e.merchant_id, e.mode, leased.attempts,
       leased.lease_token, endpoint.url, endpoint.secret_ciphertext, e.headers, e.body, e.observed_at, leased.failing_since,
       (SELECT min(d.sequence) FROM deliveries d
        WHERE d.endpoint_id = leased.endpoint_id AND d.payment_id = leased.payment_id AND d.state = 'pending'
          AND d.sequence < leased.sequence AND d.overtaken_at IS NOT NULL) AS still_retried,
       clock_timestamp() AS claimed_at
FROM leased JOIN events e USING (event_id) JOIN endpoints endpoint USING (endpoint_id)
"""
# A row that is locked is being ended: there is nothing to renew.
_RENEW = """
UPDATE deliveries SET lease_until = now() + make_interval(secs => $3) WHERE delivery_id IN (
    SELECT delivery_id FROM deliveries WHERE delivery_id = ANY($2::text[]) AND lease_token = $1 FOR UPDATE SKIP LOCKED
)
"""
_ENDED = (
    ATTEMPTS.c.delivery_id,
    DELIVERIES.c.lease_token,
    *list(ATTEMPTS.c)[1:],
    DELIVERIES.c.due_at,
    DELIVERIES.c.failing_since,
)  # in the order of `AttemptRow`
# The report of an attempt goes into the outbox with its end, and neither when the lease was lost. With its end the next one
# of its lane becomes due: the first that is pending, if it is not one of these. Who adds another behind a delivery writes to
# that delivery: if one of these has changed since this statement began, which sees nothing of it, all is decided anew. So it is
# where the next one has come late, and is before these, and is locked by another: who may wait for what is locked here.
# An endpoint that is gone is locked before its deliveries, as everywhere: hence what looks like a condition on `disabled`. It is
# there, and changed as by a conflict: that alone locks in order and changes, at once, the row as it is by then. A lock and then
# an UPDATE go to the row as it was first, which a new delivery's transaction may hold back, and two that do so deadlock.
_END = Write(
    f"""
SELECT CASE WHEN EXISTS (SELECT FROM over WHERE place <> seen_at) OR (SELECT count(*) FROM next WHERE is_late) > (SELECT count(*) FROM free)
       THEN decide_anew() END,
       EXISTS (SELECT FROM promoted) OR EXISTS (
           SELECT FROM (SELECT DISTINCT endpoint_id FROM over) AS endpoint
           CROSS JOIN LATERAL (
               SELECT FROM deliveries d
               WHERE d.endpoint_id = endpoint.endpoint_id AND {IS_DUE}
                 AND d.delivery_id <> ALL(ARRAY(SELECT delivery_id FROM over))
               ORDER BY d.due_at LIMIT 1
           ) free
       ) AS more_due, (SELECT placed FROM told), (SELECT unknown FROM told)
""",  # noqa: S608 - text of ours
    (*_ENDED, *INSERT_OUTBOX.columns),
    f"""
seen AS MATERIALIZED (
    SELECT e.*, d.endpoint_id, d.ctid AS seen_at
    FROM unnest({{arrays}}) AS e ({{names}}) JOIN deliveries d USING (delivery_id)
), disabled AS (
    INSERT INTO endpoints SELECT * FROM endpoints
    WHERE endpoint_id = ANY(ARRAY(SELECT endpoint_id FROM seen WHERE result = 'endpoint_gone')) AND gone_at IS NULL
    ORDER BY endpoint_id
    ON CONFLICT (endpoint_id) DO UPDATE SET gone_at = now(), gone_because = 'answered 410' WHERE endpoints.gone_at IS NULL
    RETURNING 1
), over AS MATERIALIZED (
    SELECT seen.*, d.payment_id, d.sequence, d.ctid AS place FROM seen JOIN deliveries d USING (delivery_id)
    WHERE d.lease_token = seen.lease_token AND (SELECT count(*) FROM disabled) >= 0
    ORDER BY d.endpoint_id, d.payment_id FOR UPDATE OF d
), ended AS (
    UPDATE deliveries d
    SET state = CASE over.result WHEN 'retrying' THEN 'pending' ELSE over.result END, due_at = over.due_at,
        attempts = d.attempts + 1, lease_token = NULL, lease_until = NULL,
        failing_since = coalesce(d.failing_since, over.failing_since),
        ended_at = CASE WHEN over.result <> 'retrying' THEN now() END
    FROM over WHERE d.delivery_id = over.delivery_id
), next AS MATERIALIZED (
    SELECT head.delivery_id, head.sequence < lane.sequence AS is_late
    FROM (SELECT endpoint_id, payment_id, min(sequence) AS sequence FROM over WHERE result <> 'retrying' GROUP BY 1, 2) AS lane
    CROSS JOIN LATERAL (
        SELECT d.delivery_id, d.sequence FROM deliveries d
        WHERE d.endpoint_id = lane.endpoint_id AND d.payment_id = lane.payment_id AND d.state = 'pending'
          AND d.overtaken_at IS NULL
          AND d.delivery_id <> ALL(ARRAY(SELECT delivery_id FROM over WHERE result <> 'retrying'))
        ORDER BY d.sequence LIMIT 1
    ) head
), free AS MATERIALIZED (
    SELECT FROM deliveries WHERE delivery_id = ANY(ARRAY(SELECT delivery_id FROM next WHERE is_late)) FOR NO KEY UPDATE SKIP LOCKED
), promoted AS (
    UPDATE deliveries SET due_at = now()
    WHERE due_at IS NULL AND ended_at IS NULL AND delivery_id = ANY(ARRAY(SELECT delivery_id FROM next))
    RETURNING delivery_id
), reported AS (
    INSERT INTO outbox ({INSERT_OUTBOX.names}) SELECT {INSERT_OUTBOX.names} FROM over RETURNING id, message_id
), told AS (
    SELECT {HANDED_OVER} FROM reported
), recorded AS (
    INSERT INTO attempts ({names(ATTEMPTS.c)}) SELECT {names(ATTEMPTS.c)} FROM over
)
""",  # noqa: S608 - names of ours
    sends=Sends.HANDED_OVER,
)
_POSTPONE = """
UPDATE deliveries SET due_at = now() + make_interval(secs => $3), lease_token = NULL, lease_until = NULL,
                      failing_since = coalesce(failing_since, now())
WHERE delivery_id = $1 AND lease_token = $2
"""
_STUCK = """
deliveries WHERE state = 'pending' AND overtaken_at IS NULL AND failing_since <= now() - make_interval(secs => $1)
"""
# One that is locked is being ended, or overtaken by another process.
_OVERTAKE = f"""
WITH stuck AS (
    SELECT delivery_id FROM {_STUCK}
    ORDER BY failing_since LIMIT $2 FOR UPDATE SKIP LOCKED
)
UPDATE deliveries d SET overtaken_at = now() FROM stuck WHERE d.delivery_id = stuck.delivery_id
RETURNING d.endpoint_id, d.payment_id, d.event_id, d.sequence, d.attempts
"""  # noqa: S608 - names of ours
_GONE = """
busy_endpoints busy JOIN deliveries d USING (endpoint_id)
WHERE busy.gone_at IS NOT NULL AND d.state = 'pending' AND (d.lease_until IS NULL OR d.lease_until <= now())
"""
_END_GONE = f"""
WITH gone AS (
    SELECT d.delivery_id FROM {_GONE}
    LIMIT $1 FOR UPDATE OF d SKIP LOCKED
)
UPDATE deliveries d SET state = 'endpoint_gone', ended_at = now(), due_at = NULL, lease_token = NULL, lease_until = NULL
FROM gone, events e WHERE d.delivery_id = gone.delivery_id AND e.event_id = d.event_id
RETURNING d.delivery_id, d.endpoint_id, d.event_id, d.payment_id, d.attempts, e.merchant_id, e.headers, now() AS ended_at
"""  # noqa: S608 - names of ours
_BACKLOG = """
SELECT count(*) AS pending, count(*) FILTER (WHERE lease_until > now()) AS in_flight,
       coalesce(extract(epoch FROM now() - min(due_at) FILTER (WHERE due_at <= now() AND lease_token IS NULL)), 0)::float8
           AS oldest_due_seconds,
       (SELECT count(*) FROM events WHERE NOT fanned_out) AS waiting_events,
       count(*) FILTER (WHERE overtaken_at IS NOT NULL) AS overtaken
FROM deliveries WHERE state = 'pending'
"""


async def promote(connection: Statements, lanes: Sequence[tuple[str, str]]) -> bool:
    """Make the first pending delivery of each lane due. Run it after a change to a lane, in the same transaction.

    Returns whether one of their endpoints has a delivery that is due and that is not leased.
    """
    ordered = sorted(set(lanes))  # locks are acquired in one order everywhere
    return await connection.fetchval(
        _PROMOTE, [endpoint for endpoint, _ in ordered], [payment for _, payment in ordered]
    )


async def claim(
    database: Database, lease: Lease, count: int, running: Sequence[str], per_endpoint: int
) -> list[Delivery]:
    """Lease up to `count` due deliveries, endpoints taking turns, and no endpoint above `per_endpoint` over all replicas.

    None of those in `running`: a process that has lost a lease in the middle of an attempt does not make a second one.
    """
    rows = await database.write(_CLAIM, lease.token, count, per_endpoint, lease.seconds, running)
    received = clock.since_boot()
    return [Delivery(**dict(row), received=received) for row in rows]


async def renew(database: Database, lease: Lease, delivery_ids: Sequence[str]) -> None:
    """Keep the lease of these alive."""
    await database.write(_RENEW, lease.token, delivery_ids, lease.seconds)


def end(unit: UnitOfWork, ends: Sequence[AttemptRow], tell: Callable[[bool], None]) -> None:
    """Record attempts, put their reports into the outbox, and make what follows their deliveries due; of a delivery that is no
    longer leased to their token nothing is written.

    `tell` learns after the commit whether any is due now: the next one of its lane, or one for which an endpoint had no room.
    """
    rows = [(*end[:-1], *end.report) for end in ends]
    unit.put(_END, rows, lambda found: tell(found[0]["more_due"]))


async def postpone(database: Database, delivery: Delivery, seconds: float) -> None:
    """Release a delivery without an attempt, and postpone it."""
    await database.write(_POSTPONE, delivery.id, delivery.lease_token, seconds)


async def any_stuck(database: Database, after_seconds: float) -> bool:
    """Whether there is something to `overtake`."""
    return await database.reads.fetchval(f"SELECT EXISTS (SELECT FROM {_STUCK})", after_seconds)  # noqa: S608 - names of ours


async def overtake(connection: Statements, after_seconds: float, limit: int) -> Sequence[Row]:
    """Let later events go past up to `limit` deliveries that have failed for `after_seconds`; returns these.

    Afterwards their lanes must be promoted.
    """
    return await connection.fetch(_OVERTAKE, after_seconds, limit)


async def any_gone(database: Database) -> bool:
    """Whether there is something to `end_gone`."""
    return await database.reads.fetchval(f"SELECT EXISTS (SELECT FROM {_GONE})")  # noqa: S608 - names of ours


async def end_gone(connection: Statements, limit: int) -> Sequence[Row]:
    """End up to `limit` deliveries of endpoints that are gone, except those in flight; returns them."""
    return await connection.fetch(_END_GONE, limit)


async def backlog(database: Database) -> Backlog:
    """What is still to be delivered now."""
    row = await database.reads.fetchrow(_BACKLOG)
    assert row is not None
    return Backlog(**dict(row))
