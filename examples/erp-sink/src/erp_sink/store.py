"""The sink's statements: how far payments are booked, and documents as a queue that is claimed under leases."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from erp_sink.journal import Booked, Document
from malipo.messaging.database import Database
from malipo.messaging.executor import Lease
from malipo.messaging.pool import Statements

_FIRST = "INSERT INTO booked SELECT *, 0, 0 FROM unnest($1::text[]) ON CONFLICT DO NOTHING"
_LOCK = "SELECT * FROM booked WHERE payment_id = ANY($1::text[]) ORDER BY payment_id FOR UPDATE"
_BOOK = """
UPDATE booked SET sequence = new.sequence, balance_minor = new.balance_minor
FROM unnest($1::text[], $2::integer[], $3::bigint[]) AS new (payment_id, sequence, balance_minor)
WHERE booked.payment_id = new.payment_id
"""
_ADD = "INSERT INTO documents (number, payment_id, body) SELECT * FROM unnest($1::text[], $2::text[], $3::jsonb[])"
_CLAIM = """
UPDATE documents SET due_at = now() + make_interval(secs => $1) WHERE number = ANY(ARRAY(
    SELECT number FROM documents WHERE state = 'due' AND due_at <= now() AND number <> ALL($2::text[])
    ORDER BY due_at LIMIT $3 FOR UPDATE SKIP LOCKED))
RETURNING number, payment_id, body
"""
_RENEW = """
UPDATE documents SET due_at = now() + make_interval(secs => $1) WHERE state = 'due' AND number = ANY($2::text[])
"""
# Whoever says that it has ended is right, even after losing the lease: what is posted stays posted, under this number.
_END = """
UPDATE documents SET state = $2, answer = $3, tries = tries + 1, ended_at = now() WHERE state = 'due' AND number = $1
"""
_AGAIN = """
UPDATE documents SET answer = $2, tries = tries + 1, due_at = now() + make_interval(secs => least(300, 2 ^ least(tries, 9)))
WHERE state = 'due' AND number = $1
"""
PURGE = """
DELETE FROM documents WHERE number = ANY(ARRAY(
    SELECT number FROM documents WHERE state = 'posted' AND ended_at < now() - make_interval(days => $1)
    LIMIT $2 FOR UPDATE SKIP LOCKED))
RETURNING 1
"""


@dataclass(frozen=True, slots=True)
class Claimed:
    """A document that this process posts; `id` is its number."""

    id: str
    payment_id: str
    body: dict[str, object]


async def lock(connection: Statements, payment_ids: Iterable[str]) -> dict[str, Booked]:
    """How far these payments are booked; no other replica books them before the transaction has ended."""
    wanted = sorted(set(payment_ids))
    await connection.execute(_FIRST, wanted)
    rows = await connection.fetch(_LOCK, wanted)
    return {row["payment_id"]: Booked(row["sequence"], row["balance_minor"]) for row in rows}


async def book(connection: Statements, booked: Mapping[str, Booked], documents: Sequence[Document]) -> None:
    """Remember how far they are booked now, and have the documents posted."""
    await connection.execute(_BOOK, list(booked), *map(list, zip(*booked.values(), strict=True)))
    if documents:
        await connection.execute(_ADD, *map(list, zip(*documents, strict=True)))


async def claim(database: Database, lease: Lease, count: int, running: Sequence[str]) -> list[Claimed]:
    """Up to so many documents that are due, those that wait longest first."""
    rows = await database.write(_CLAIM, lease.seconds, list(running), count)
    return [Claimed(row["number"], row["payment_id"], row["body"]) for row in rows]


async def renew(database: Database, lease: Lease, numbers: Sequence[str]) -> None:
    """Keep others from these for as long again."""
    await database.write(_RENEW, lease.seconds, list(numbers))


async def end(database: Database, number: str, state: str, answer: str) -> None:
    """It is `posted`, or `refused`."""
    await database.write(_END, number, state, answer)


async def again(database: Database, number: str, answer: str) -> None:
    """Try it again after a second, after the next time after two, and so on up to five minutes."""
    await database.write(_AGAIN, number, answer)
