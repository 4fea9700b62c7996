"""The deliveries as a queue: in order per endpoint and payment, fair between endpoints, claimed under leases.

A lane is what one endpoint gets about one payment. Only the first pending delivery of a lane has a `due_at`; when it
ends, the next one gets it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from malipo.contracts.commands import Mode
from malipo.messaging.database import Connection, Row
from malipo.messaging.executor import Lease

_CLAIM_LOCK = 0x6D616C77  # "malw"


class New(NamedTuple):
    """A delivery to come."""

    delivery_id: str
    event_id: str
    endpoint_id: str
    payment_id: str
    sequence: int


@dataclass(frozen=True, slots=True)
class Delivery:
    """A claimed delivery with all that an attempt needs. `attempts` counts those recorded so far."""

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


class End(NamedTuple):
    """Where a delivery goes after an attempt: `pending` with the moment of the next one, or an end."""

    delivery_id: str
    lease_token: str
    state: str
    due_at: datetime | None


class Backlog(NamedTuple):
    """What is still to be delivered."""

    pending: int
    in_flight: int
    oldest_due_seconds: float
    waiting_events: int


_ADD = """
INSERT INTO deliveries (delivery_id, event_id, endpoint_id, payment_id, sequence)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::integer[])
ON CONFLICT (event_id, endpoint_id) DO NOTHING
"""
# The lock on a lane's head makes "this one ended" and "that one came" follow each other. When the head ended while
# this waited for its lock, the row no longer matches and the lane's next one is taken instead.
_PROMOTE = """
WITH head AS MATERIALIZED (
    SELECT head.delivery_id FROM unnest($1::text[], $2::text[]) AS lane (endpoint_id, payment_id)
    CROSS JOIN LATERAL (
        SELECT d.delivery_id FROM deliveries d
        WHERE d.endpoint_id = lane.endpoint_id AND d.payment_id = lane.payment_id AND d.state = 'pending'
        ORDER BY d.sequence LIMIT 1 FOR UPDATE
    ) head
)
UPDATE deliveries SET due_at = now() WHERE delivery_id = ANY(ARRAY(SELECT delivery_id FROM head)) AND due_at IS NULL
"""
# What is chosen is looked at again under its lock: whoever had lost its lease may have ended it meanwhile. There,
# `= ANY(ARRAY(...))` and `ended_at` leave the planner the primary key only; it takes what is due for few, and walks it.
_CLAIM = """
WITH held AS MATERIALIZED (
    SELECT endpoint_id, count(*) AS leases FROM deliveries
    WHERE lease_token IS NOT NULL AND lease_until > now() GROUP BY endpoint_id
), due AS (
    SELECT free.delivery_id, free.due_at, row_number() OVER (PARTITION BY endpoint_id ORDER BY free.due_at) AS turn
    FROM busy_endpoints busy LEFT JOIN held USING (endpoint_id)
    CROSS JOIN LATERAL (
        SELECT d.delivery_id, d.due_at FROM deliveries d
        WHERE d.endpoint_id = busy.endpoint_id AND d.state = 'pending' AND d.due_at <= now()
          AND (d.lease_until IS NULL OR d.lease_until <= now()) AND d.delivery_id <> ALL($5::text[])
        ORDER BY d.due_at LIMIT greatest($3 - coalesce(held.leases, 0), 0)
    ) free
    WHERE busy.gone_at IS NULL
), chosen AS MATERIALIZED (
    SELECT delivery_id FROM due ORDER BY turn, due_at LIMIT $2
), mine AS MATERIALIZED (
    SELECT delivery_id FROM deliveries
    WHERE delivery_id = ANY(ARRAY(SELECT delivery_id FROM chosen))
      AND ended_at IS NULL AND due_at <= now() AND (lease_until IS NULL OR lease_until <= now())
    FOR UPDATE SKIP LOCKED
), leased AS (
    UPDATE deliveries SET lease_token = $1, lease_until = now() + make_interval(secs => $4)
    WHERE delivery_id = ANY(ARRAY(SELECT delivery_id FROM mine))
    RETURNING *
)
SELECT leased.delivery_id AS id, event_id, e.type, endpoint_id, leased.payment_id, e.merchant_id, e.mode, leased.attempts,
       leased.lease_token, endpoint.url, endpoint.secret_ciphertext, e.headers, e.body, e.observed_at
FROM leased JOIN events e USING (event_id) JOIN endpoints endpoint USING (endpoint_id)
"""
# A row that is locked is being ended: there is nothing to renew.
_RENEW = """
UPDATE deliveries SET lease_until = now() + make_interval(secs => $3) WHERE delivery_id IN (
    SELECT delivery_id FROM deliveries WHERE delivery_id = ANY($2::text[]) AND lease_token = $1 FOR UPDATE SKIP LOCKED
)
"""
_END = """
WITH ended AS MATERIALIZED (
    SELECT e.* FROM unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[])
        AS e (delivery_id, lease_token, state, due_at)
    JOIN deliveries d USING (delivery_id) WHERE d.lease_token = e.lease_token
    ORDER BY d.endpoint_id, d.payment_id FOR UPDATE OF d
)
UPDATE deliveries d
SET state = ended.state, due_at = ended.due_at, attempts = d.attempts + 1, lease_token = NULL, lease_until = NULL,
    ended_at = CASE WHEN ended.state <> 'pending' THEN now() END
FROM ended WHERE d.delivery_id = ended.delivery_id
RETURNING d.delivery_id
"""
_PUT_OFF = """
UPDATE deliveries SET due_at = now() + make_interval(secs => $3), lease_token = NULL, lease_until = NULL
WHERE delivery_id = $1 AND lease_token = $2
"""
_DISABLE = """
UPDATE endpoints SET gone_at = now(), gone_because = 'answered 410' WHERE endpoint_id IN (
    SELECT endpoint_id FROM endpoints WHERE endpoint_id = ANY($1::text[]) AND gone_at IS NULL
    ORDER BY endpoint_id FOR NO KEY UPDATE
)
"""
_END_GONE = """
WITH gone AS (
    SELECT d.delivery_id FROM busy_endpoints busy JOIN deliveries d USING (endpoint_id)
    WHERE busy.gone_at IS NOT NULL AND d.state = 'pending' AND (d.lease_until IS NULL OR d.lease_until <= now())
    LIMIT $1 FOR UPDATE OF d SKIP LOCKED
)
UPDATE deliveries d SET state = 'endpoint_gone', ended_at = now(), due_at = NULL, lease_token = NULL, lease_until = NULL
FROM gone, events e WHERE d.delivery_id = gone.delivery_id AND e.event_id = d.event_id
RETURNING d.delivery_id, d.endpoint_id, d.event_id, d.payment_id, d.attempts, e.merchant_id, e.headers
"""
_BACKLOG = """
SELECT count(*) AS pending, count(*) FILTER (WHERE lease_until > now()) AS in_flight,
       coalesce(extract(epoch FROM now() - min(due_at) FILTER (WHERE due_at <= now() AND lease_token IS NULL)), 0)::float8
           AS oldest_due_seconds,
       (SELECT count(*) FROM events WHERE NOT fanned_out) AS waiting_events
FROM deliveries WHERE state = 'pending'
"""


async def add(connection: Connection, deliveries: Sequence[New]) -> None:
    """Put deliveries at the end of their lanes."""
    await connection.execute(_ADD, *map(list, zip(*deliveries, strict=True)))
    await promote(connection, [(new.endpoint_id, new.payment_id) for new in deliveries])


async def promote(connection: Connection, lanes: Sequence[tuple[str, str]]) -> None:
    """Make the first pending delivery of each lane due. Run it after every change to a lane, in the same transaction."""
    ordered = sorted(set(lanes))  # locks are taken in one order everywhere
    await connection.execute(_PROMOTE, [endpoint for endpoint, _ in ordered], [payment for _, payment in ordered])


async def claim(
    connection: Connection, lease: Lease, count: int, running: Sequence[str], per_endpoint: int
) -> list[Delivery]:
    """Lease up to `count` due deliveries, endpoints taking turns, and no endpoint above `per_endpoint` over all replicas.

    None of those in `running`: a process that has lost a lease in the middle of an attempt does not make a second one.
    """
    # One claim at a time, or two replicas would each count the leases before the other's were there.
    await connection.execute("SELECT pg_advisory_xact_lock($1)", _CLAIM_LOCK)
    rows = await connection.fetch(_CLAIM, lease.token, count, per_endpoint, lease.seconds, running)
    return [Delivery(**dict(row)) for row in rows]


async def renew(connection: Connection, lease: Lease, delivery_ids: Sequence[str]) -> None:
    """Keep the lease of these alive."""
    await connection.execute(_RENEW, lease.token, delivery_ids, lease.seconds)


async def end(connection: Connection, ends: Sequence[End]) -> set[str]:
    """Note what became of attempts; answers the deliveries that were still leased to their token. The rest is untouched."""
    rows = await connection.fetch(_END, *map(list, zip(*ends, strict=True)))
    return {row["delivery_id"] for row in rows}


async def put_off(connection: Connection, delivery: Delivery, seconds: float) -> None:
    """Give a delivery back without an attempt."""
    await connection.execute(_PUT_OFF, delivery.id, delivery.lease_token, seconds)


async def disable(connection: Connection, endpoint_ids: Sequence[str]) -> None:
    """Send nothing more to these endpoints. Before any delivery is locked: endpoints come first in the order of locks."""
    await connection.execute(_DISABLE, endpoint_ids)


async def end_gone(connection: Connection, limit: int) -> Sequence[Row]:
    """End up to `limit` deliveries of endpoints that are gone, except those in flight; answers them."""
    return await connection.fetch(_END_GONE, limit)


async def backlog(connection: Connection) -> Backlog:
    """What is still to be delivered now."""
    row = await connection.fetchrow(_BACKLOG)
    assert row is not None
    return Backlog(**dict(row))
