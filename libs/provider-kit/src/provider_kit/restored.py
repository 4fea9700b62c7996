"""What a database does not know that was restored to an earlier moment: what was made before may have been sent."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from malipo import ids
from malipo.messaging.database import Database
from malipo.messaging.pool import Statements
from provider_kit.references import KEEP, OWN, in_order, rows

# As if a try had died behind its mark. What is `done` was decided before the moment that was restored, and stays so.
_OPEN = "kind <> 'query' AND done_at IS NULL AND first_sent_at IS NULL"
_MARK_OLD = f"""
UPDATE attempts SET first_sent_at = created_at, tries = greatest(tries, 1) WHERE {_OPEN} AND created_at < $1
"""  # noqa: S608 - text of ours
_MARK_NEW = f"""
UPDATE attempts AS a SET first_sent_at = made.at, tries = greatest(tries, 1)
FROM unnest($1::text[], $2::timestamptz[]) AS made (id, at) WHERE a.id = made.id AND {_OPEN}
"""  # noqa: S608 - text of ours
_SENT_TO = """
UPDATE attempts SET account_fingerprint = $2 WHERE id = $1 AND first_sent_at IS NOT NULL AND account_fingerprint IS NULL
"""


@dataclass(frozen=True)
class Restored:
    """Until when operations may have been sent that the database knows nothing of; `at` is None for one that was never restored.

    They are kept as attempts whose process died while it sent them: repeated under their key where the provider knows keys and
    this one lives, else asked about.
    """

    at: datetime | None = None

    def concerns(self, operation_id: str) -> bool:
        """Whether it was made before the restore."""
        return self._made_before(operation_id) is not None

    async def mark(self, statements: Statements, operation_ids: Iterable[str] = ()) -> None:
        """Have these that were just recorded, and all that were open then, count as perhaps sent. Repeated it changes nothing."""
        if self.at is None:
            return
        await statements.execute(_MARK_OLD, self.at)
        made = {one: at for one in operation_ids if (at := self._made_before(one))}
        await statements.execute(_MARK_NEW, list(made), list(made.values()))

    def _made_before(self, operation_id: str) -> datetime | None:
        """When it was made, if that was before; what confirms a charge, and the charge, count as made with their payment."""
        if self.at is None:
            return None
        made_at = ids.made_at(operation_id.partition(".")[0])
        return made_at if made_at < self.at else None


async def recall(database: Database, operation_id: str, account_fingerprint: str, own: Iterable[str]) -> None:
    """Note of what was perhaps sent what its mark would have noted: where to, and under which names of our own."""
    async with database.begin() as unit:
        await unit.transaction.execute(_SENT_TO, operation_id, account_fingerprint)
        unit.put(KEEP, in_order(rows(operation_id, None, [(OWN, name) for name in own])))
