"""Publishes outcomes of callbacks again after a minute and an hour: after a payment's end nothing else replaces a lost one."""

from collections.abc import Sequence

from malipo.messaging.database import Database
from malipo.messaging.unit_of_work import INSERT_OUTBOX, UnitOfWork
from malipo.messaging.writes import Write

AT_ONCE = 100
LOOK_SECONDS = 1.0
"""Few at once and often: what goes out together keeps the process from answering callbacks for as long as it takes."""

_KEEP = Write(
    """INSERT INTO reminders ({names}, due_at)
SELECT report.*, now() + after FROM unnest({arrays}) AS report ({names})
CROSS JOIN unnest(ARRAY[interval '1 minute', interval '1 hour']) AS after""",
    INSERT_OUTBOX.columns,
)
_REMIND = f"""
WITH due AS (
    DELETE FROM reminders WHERE ctid = ANY(ARRAY(
        SELECT ctid FROM reminders WHERE due_at <= now() ORDER BY due_at LIMIT $1 FOR UPDATE SKIP LOCKED))
    RETURNING *
)
INSERT INTO outbox ({INSERT_OUTBOX.names}) SELECT {INSERT_OUTBOX.names} FROM due RETURNING 1
"""  # noqa: S608 - names of ours


def send_and_remind(unit: UnitOfWork, row: Sequence[object]) -> None:
    """Send the message of an `outbox_row`, and twice more later under the same id: a consumer that has it drops it."""
    unit.put(INSERT_OUTBOX, [row])
    unit.put(_KEEP, [row])


async def remind(database: Database) -> bool:
    """Send a batch of what is due; returns whether there may be more."""
    sent = len(await database.write(_REMIND, AT_ONCE))
    if sent:
        database.nudge()
    return sent == AT_ONCE
