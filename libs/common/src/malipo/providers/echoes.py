"""What callbacks said is told once more a minute later: after an end nobody asks, and a word that Kafka lost is gone."""

import asyncio
from collections.abc import Sequence

from malipo import ids
from malipo.messaging.unit import OUTBOX, Unit, Units
from malipo.messaging.writes import insert

_AT_ONCE = 500
_LOOK_SECONDS = 5.0

_KEEP = insert("echoes", OUTBOX.columns)
_TELL = f"""
WITH due AS (
    DELETE FROM echoes WHERE message_id = ANY(ARRAY(
        SELECT message_id FROM echoes WHERE due_at <= now() ORDER BY due_at LIMIT $1 FOR UPDATE SKIP LOCKED))
    RETURNING *
)
INSERT INTO outbox ({OUTBOX.names}) SELECT {OUTBOX.names} FROM due RETURNING 1
"""  # noqa: S608 - names of ours


def tell_twice(unit: Unit, row: Sequence[object]) -> None:
    """Send a message of `malipo.messaging.unit.outbox_row`, and once more later under the same id: who has it drops it."""
    unit.put(OUTBOX, [row])
    unit.put(_KEEP, [row])


async def run(units: Units) -> None:
    """Tell what is due once more, until cancelled. Several replicas may do it at once."""
    while True:
        if await tell(units) < _AT_ONCE:
            await asyncio.sleep(_LOOK_SECONDS * ids.jitter(0.2))


async def tell(units: Units) -> int:
    """One slice; answers how many messages that were."""
    told = len(await units.write(_TELL, _AT_ONCE))
    if told:
        units.nudge()
    return told
