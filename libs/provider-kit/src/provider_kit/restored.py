"""What a database has forgotten that was restored to an earlier moment: what was made before may have been sent, or ended unsent."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from malipo import ids
from malipo.contracts.message import Message
from malipo.contracts.provider_commands import BaseCommand, Charge, Query, Setup
from malipo.messaging.database import Database
from malipo.messaging.pool import Statements
from malipo.messaging.subscription import Received
from provider_kit.references import KEEP, OWN, in_order, rows

# What is `done` was decided before the moment that was restored, and stays so. Of what is open neither a mark is believed nor
# that there is none: sent when it was made, before it was recorded, is what no mark ever says.
FORGOTTEN = "(first_sent_at <= created_at) IS TRUE"
"""In SQL: whether nobody knows what came of an attempt, for the database was restored to a moment before that."""

_OPEN = f"kind <> 'query' AND done_at IS NULL AND NOT {FORGOTTEN}"
_MARK_OLD = f"""
UPDATE attempts SET first_sent_at = created_at, tries = greatest(tries, 1) WHERE {_OPEN} AND created_at < $1
"""  # noqa: S608 - text of ours
_MARK_NEW = f"""
UPDATE attempts AS a SET first_sent_at = least(made.at, a.created_at), tries = greatest(tries, 1)
FROM unnest($1::text[], $2::timestamptz[]) AS made (id, at) WHERE a.id = made.id AND {_OPEN}
"""  # noqa: S608 - text of ours
_SENT_TO = """
UPDATE attempts SET account_fingerprint = $2 WHERE id = $1 AND first_sent_at IS NOT NULL AND account_fingerprint IS NULL
"""


@dataclass(frozen=True)
class Restored:
    """Until when operations may have been sent that the database knows nothing of; `at` is None for one that was never restored.

    They may as well have ended unsent, as their merchants were told. So they are never sent again, under whichever key: they are
    kept as attempts that were perhaps sent, of which the provider's book is read.
    """

    at: datetime | None = None

    def concerns(self, operation_id: str) -> bool:
        """Whether it was made before the restore."""
        return self.at is not None and _made_at(operation_id) < self.at

    async def mark(self, statements: Statements, recorded: Iterable[Received[Message]] = ()) -> None:
        """Have these that were just recorded, and all that were open then, count as perhaps sent. Repeated it changes nothing."""
        if self.at is None:
            return
        await statements.execute(_MARK_OLD, self.at)
        made = {
            command.operation_id: at
            for one in recorded
            if isinstance(command := one.message, BaseCommand)
            and not isinstance(command, Query)
            and (at := self._before(_asked_at(command, one.message_id)))
        }
        await statements.execute(_MARK_NEW, list(made), list(made.values()))

    def _before(self, moment: datetime) -> datetime | None:
        return moment if self.at and moment < self.at else None


def _asked_at(command: BaseCommand, message_id: str) -> datetime:
    """When the operation was asked for: a charge with its payment, and what a merchant has requested when that came.

    An id that is derived from the payment's does not tell when, as of what confirms its charge and of what Malipo itself
    begins: then the message tells. One of before comes ahead of any that repeats it.
    """
    made_at = _made_at(command.operation_id)
    derived = made_at == _made_at(command.payment_id) and not isinstance(command, Charge | Setup)
    return ids.made_at(message_id) if derived else made_at


def _made_at(operation_id: str) -> datetime:
    return ids.made_at(operation_id.partition(".")[0])


async def recall(database: Database, operation_id: str, account_fingerprint: str, own: Iterable[str]) -> None:
    """Note of what was perhaps sent what its mark would have noted: where to, and under which names of our own."""
    async with database.begin() as unit:
        await unit.transaction.execute(_SENT_TO, operation_id, account_fingerprint)
        unit.put(KEEP, in_order(rows(operation_id, None, [(OWN, name) for name in own])))
