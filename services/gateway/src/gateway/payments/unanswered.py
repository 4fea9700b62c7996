"""Commands that are not answered yet: one that stays here too long was lost on its way, and is sent again."""

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from itertools import groupby

from prometheus_client import Counter

from gateway.tables import UNANSWERED
from malipo.contracts.commands import PaymentCommand, ResendEvents
from malipo.contracts.message import encode
from malipo.contracts.topics import PAYMENT_COMMANDS
from malipo.messaging.database import Database
from malipo.messaging.pool import Row
from malipo.messaging.unit_of_work import MESSAGE_ID, UnitOfWork
from malipo.messaging.writes import Write, insert
from malipo.platform import metrics
from malipo.platform.logs import log
from malipo.platform.retention_settings import INBOX_DAYS

MOST_AT_ONCE = 100
MOST_TRIED = 500
"""While so many have been sent again without an answer, the orchestrator is away and nothing is lost: few are tried."""
PROBES = 10
_LONGEST_SECONDS = 900.0
GIVEN_UP_DAYS = INBOX_DAYS * 0.6
"""No command is sent later than that: the orchestrator would take it for a new one once its inbox has forgotten it."""
metrics.SENT_AGAIN.labels(PAYMENT_COMMANDS.name)  # an alert on the first needs a zero before it
_SHOWN = 5

GIVEN_UP = Counter(
    "malipo_commands_given_up",
    f"Commands that were not answered for {GIVEN_UP_DAYS:g} days, and are not sent again (alert on any).",
)

_KEEP = insert(UNANSWERED)
_ANSWERED = Write("DELETE FROM unanswered WHERE operation_id = ANY({arrays})", (UNANSWERED.c.operation_id,))
# While Kafka is away, or has just come back and our own outbox is not yet through, nothing is known to be lost.
_WAITING = """
SELECT EXISTS (SELECT FROM unanswered WHERE waits_from < now() - make_interval(secs => $1))
    AND coalesce((SELECT created_at FROM outbox WHERE topic = $2 ORDER BY id LIMIT 1) > now() - make_interval(secs => $1), true)
"""
_TRIED = "SELECT count(*) FROM (SELECT FROM unanswered WHERE tries > 1 LIMIT $1) AS counted"
# What is still in our own outbox has not been lost. A change waits until its payment's creation is answered: that is
# counted so that it is looked up by row, however many rows there are.
_LOST = """
SELECT operation_id, payment_id, message_id, headers, payload, extract(epoch FROM now() - accepted_at)::float8 AS age
FROM unanswered AS u
WHERE waits_from < now() - make_interval(secs => $1) AND accepted_at >= now() - $4 * interval '1 day'
  AND sent_at < coalesce((SELECT created_at FROM outbox WHERE topic = $3 ORDER BY id LIMIT 1), 'infinity')
  AND 0 = (SELECT count(*) FROM unanswered AS made
           WHERE made.operation_id = u.payment_id AND u.operation_id <> u.payment_id)
ORDER BY waits_from LIMIT $2 FOR UPDATE SKIP LOCKED
"""
# Each wait is twice the one before, up to a quarter of an hour, or a twenty-fourth of the command's age: what cannot be
# applied leaves a dead letter each time. `waits_from` is so far ahead that the first wait is over when this one is.
_SENT_AGAIN = """
UPDATE unanswered SET tries = tries + 1, sent_at = now(), waits_from = now() + make_interval(secs =>
    (least($2 * 2 ^ least(tries, 20), greatest($3, extract(epoch FROM now() - accepted_at)::float8 / 24)) - $2)
    * (0.8 + 0.4 * random()))
WHERE operation_id = ANY($1::text[])
"""
# Reads them all, and so is no part of each sweep: an index for it would be written to with every payment.
_GIVE_UP = """
UPDATE unanswered SET waits_from = 'infinity' WHERE operation_id = ANY(ARRAY(
    SELECT operation_id FROM unanswered WHERE waits_from < 'infinity' AND accepted_at < now() - $1 * interval '1 day'
    LIMIT $2 FOR UPDATE SKIP LOCKED))
RETURNING operation_id, payment_id
"""


def keep(unit: UnitOfWork, sent: Sequence[tuple[PaymentCommand, str, str, Mapping[str, str]]]) -> None:
    """Keep these commands until they are answered: each with its operation, its message id and its headers."""
    rows = [
        (operation_id, command.payment_id, message_id, dict(headers), encode(command))
        for command, operation_id, message_id, headers in sent
    ]
    unit.put(_KEEP, rows)


def forget(unit: UnitOfWork, operation_ids: Iterable[str]) -> None:
    """The orchestrator has answered for these operations, or for the charges of the payments with these ids."""
    unit.put(_ANSWERED, [(operation_id,) for operation_id in sorted(operation_ids)])


async def send_again(database: Database, first_wait_seconds: float) -> int:
    """Send commands again that have waited for an answer for too long; returns how many. Several replicas may do it.

    Each goes out under the id that it had: if it was applied it is dropped, else it is applied now. Behind it goes a
    `ResendEvents` for its operation, in case it was the answer that was lost.
    """
    if not await database.reads.fetchval(_WAITING, first_wait_seconds, PAYMENT_COMMANDS.name):
        return 0
    async with database.begin() as unit:
        tried = await unit.transaction.fetchval(_TRIED, MOST_TRIED)
        limit = PROBES if tried == MOST_TRIED else MOST_AT_ONCE
        rows = await unit.transaction.fetch(_LOST, first_wait_seconds, limit, PAYMENT_COMMANDS.name, GIVEN_UP_DAYS)
        for row in rows:
            headers = row["headers"] | {MESSAGE_ID: row["message_id"]}
            unit.send_raw(PAYMENT_COMMANDS.name, row["payment_id"], row["payload"], headers)
        _ask(unit, [(row["payment_id"], row["operation_id"]) for row in rows])
        operation_ids = [row["operation_id"] for row in rows]
        await unit.transaction.execute(_SENT_AGAIN, operation_ids, first_wait_seconds, _LONGEST_SECONDS)
        unit.after_commit(partial(_alert, rows))
    return len(rows)


async def give_up(database: Database) -> int:
    """Never send again what was not answered for `GIVEN_UP_DAYS`, a hundred at once; returns how many."""
    rows = await database.write(_GIVE_UP, GIVEN_UP_DAYS, MOST_AT_ONCE)
    GIVEN_UP.inc(len(rows))
    for row in rows:
        log.error("command given up", days=GIVEN_UP_DAYS, **dict(row))
    return len(rows)


def _ask(unit: UnitOfWork, operations: Iterable[tuple[str, str]]) -> None:
    for payment_id, group in groupby(sorted(operations), key=lambda one: one[0]):
        operation_ids = tuple(operation_id for _, operation_id in group)
        resend = ResendEvents(payment_id=payment_id, operation_ids=operation_ids)
        unit.send(PAYMENT_COMMANDS, payment_id, resend, headers={})


def _alert(rows: Sequence[Row]) -> None:
    if rows:
        metrics.SENT_AGAIN.labels(PAYMENT_COMMANDS.name).inc(len(rows))
        log.error(
            "commands unanswered",
            commands=len(rows),
            longest_seconds=round(max(row["age"] for row in rows), 1),
            payment_ids=[row["payment_id"] for row in rows[:_SHOWN]],
        )
