"""The roll call: names the published transitions, a while later and once more: a service that lacks one requests it."""

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from itertools import batched

from malipo.contracts.events import PublishedTransition, RollCalled
from malipo.contracts.topics import PAYMENT_EVENTS
from malipo.messaging.database import Database
from malipo.messaging.pool import Row
from malipo.messaging.runtime import sweep
from malipo.messaging.unit_of_work import UnitOfWork
from orchestrator.partitions import by_partition
from orchestrator.store import RECENT

_STEPS_AT_ONCE = 2000
_STEPS_A_MESSAGE = 500  # of some 90 bytes each
_LOOKS = 12  # within the delay, so that a transition is called at most a twelfth of it late
_MOST_SECONDS = 5.0

_BEGIN = "INSERT INTO roll_calls SELECT unnest($1::float8[]), now() ON CONFLICT DO NOTHING"
# Of several replicas the one that holds the row calls. What has not left this outbox yet is not missing anywhere. All
# ages are by PostgreSQL's clock. A transition committed later than the delay after it was written would be skipped: no statement
# of ours is allowed to run for so long.
_SPAN = """
SELECT called_until, least(
    now() - make_interval(secs => $1), called_until + interval '1 hour',
    (SELECT created_at - interval '1 microsecond' FROM outbox WHERE topic = $2 ORDER BY id LIMIT 1)) AS until
FROM roll_calls WHERE delay_seconds = $1
"""
_CLAIM = f"{_SPAN} FOR UPDATE SKIP LOCKED"
_DUE = f"""
SELECT until > called_until + interval '10 minutes'
    OR EXISTS (SELECT FROM history WHERE recorded_at > called_until AND recorded_at <= until)
FROM ({_SPAN}) AS span
"""  # noqa: S608 - names of ours
_STEPS = f"""
SELECT payment_id, step, message_id, event_id IS NOT NULL AS public, recorded_at FROM history
WHERE recorded_at > $1 AND recorded_at <= $2 AND {RECENT} ORDER BY recorded_at FETCH FIRST ($3) ROWS WITH TIES
"""  # noqa: S608 - names of ours
_CALLED = "UPDATE roll_calls SET called_until = $2 WHERE delay_seconds = $1"
_REWIND = "UPDATE roll_calls SET called_until = least(called_until, $1) RETURNING delay_seconds"


async def run(database: Database, delays: Sequence[float]) -> None:
    """Call until cancelled: every transition once as many seconds after it was published as each of `delays` says."""

    async def call_each(database: Database) -> bool:
        counts = [await database.transact(partial(call, delay_seconds=delay)) for delay in delays]
        return max(counts) >= _STEPS_AT_ONCE

    await database.write(_BEGIN, delays)
    await sweep(database, min(min(delays) / _LOOKS, _MOST_SECONDS), call_each)


async def call(unit: UnitOfWork, delay_seconds: float) -> int:
    """Call the next transitions that are old enough; returns how many these were, and 0 while another replica does it."""
    if not await unit.reads.fetchval(_DUE, delay_seconds, PAYMENT_EVENTS.name):
        return 0
    claimed = await unit.transaction.fetchrow(_CLAIM, delay_seconds, PAYMENT_EVENTS.name)
    if claimed is None or claimed["until"] <= claimed["called_until"]:
        return 0
    rows = await unit.transaction.fetch(_STEPS, claimed["called_until"], claimed["until"], _STEPS_AT_ONCE)
    for group in by_partition(PAYMENT_EVENTS, map(_published, rows), lambda one: one.payment_id):
        for transitions in batched(group, _STEPS_A_MESSAGE):
            unit.send(PAYMENT_EVENTS, transitions[0].payment_id, RollCalled(transitions=transitions), headers={})
    until = rows[-1]["recorded_at"] if len(rows) >= _STEPS_AT_ONCE else claimed["until"]
    await unit.transaction.execute(_CALLED, delay_seconds, until)
    return len(rows)


async def rewind(database: Database, since: datetime) -> int:
    """Have everything called again that was published since then; returns by how many roll calls that will be."""
    return len(await database.write(_REWIND, since))


def _published(row: Row) -> PublishedTransition:
    return PublishedTransition(row["payment_id"], row["step"], row["message_id"], row["public"])
