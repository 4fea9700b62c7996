"""Hands to the relay what this process has committed, so that it need not look for it in the table."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import NamedTuple

from malipo.messaging.floor import Floor
from malipo.messaging.pool import Row
from malipo.messaging.tables import OUTBOX
from malipo.messaging.writes import TERMS, given

_MOST_WAITING = 200
"""Messages that are held in memory while Kafka is slow, or away; others stay in PostgreSQL."""
_COLUMNS = len(given(OUTBOX))
_SHARDS, _KNOWN, _FLOOR = TERMS
_MOST_UNKNOWN = 1000
"""Of all shards: each other relay leaves a hundred or two in the table that it has sent or is sending."""
HANDED_OVER = f"""jsonb_object_agg(message_id, id) AS placed, (
    SELECT CASE WHEN count(*) < {_MOST_UNKNOWN}
        THEN coalesce(array_agg(others.id) FILTER (WHERE others.shard = ANY({_SHARDS})), ARRAY[]::bigint[]) END
    FROM (
        SELECT outbox.id, outbox.shard FROM outbox
        WHERE cardinality({_SHARDS}) > 0 AND outbox.id >= {_FLOOR} AND outbox.id NOT IN (SELECT unnest({_KNOWN}))
        ORDER BY outbox.id LIMIT {_MOST_UNKNOWN}
    ) AS others
) AS unknown"""  # noqa: S608 - names of ours
"""What a statement that sends answers of the rows that it has inserted into the outbox, beside whatever else it answers.

That rows are not known is seen by a hash of those that are (`NOT IN` a query): an array would be read through for each row.
"""


class OutboxRow(NamedTuple):
    """A message of the outbox, on its way to Kafka."""

    id: int
    topic: str
    key: str
    headers: Mapping[str, str]
    payload: bytes


@dataclass(frozen=True, slots=True)
class Terms:
    """On what a unit's rows may be handed over: what the relay here held and knew before the unit."""

    arguments: tuple[Sequence[int], Sequence[int], int]
    """The statement's first: the shards, what is known of them, and the floor."""
    generation: int
    """Of what the relay knows: see `Handover`."""


class Handover:
    """Between those of a process who write to the outbox and its relay.

    The order of the table holds although rows pass by it: the statement that writes a row also answers which rows it saw that
    the relay does not know. What was committed before the row is among these, whoever wrote it; if there is one, nothing is
    handed over, and the relay looks. So it does for what was written by any other statement (`nudge`), and now and then.

    What the relay knows is of one generation for as long as no row leaves it that is in the table. With the next one whatever is
    being committed is looked for: a row that it saw known may be unknown by now, and would be overtaken.
    """

    def __init__(self) -> None:
        self.wake = asyncio.Event()
        """Set whenever there is something to do for the relay."""
        self.written = False
        """Whether others may hold the shard of something that was written here."""
        self.floor = Floor()
        self.look = False
        """Whether the table has rows that are not known here, as far as anybody knows."""
        self._shards: AbstractSet[int] = frozenset()
        self._known: set[int] = set()
        self._generation = 0
        self._rows: list[OutboxRow] = []

    @property
    def known(self) -> AbstractSet[int]:
        """The rows that wait here or were sent, and are still in the table."""
        return self._known

    def nudge(self) -> None:
        """Something was committed to the outbox, and nothing is known of it here."""
        self.written = self.look = True
        self.wake.set()

    def look_again(self) -> None:
        """Somebody else has committed something, or there was more than could be read."""
        self.look = True
        self.wake.set()

    def hold(self, shards: Iterable[int]) -> None:
        """The relay holds these shards now, of some of which it knows nothing."""
        self._shards = frozenset(shards)
        self._generation += 1
        self.look_again()

    def let_go(self) -> None:
        """The relay holds nothing."""
        self._shards, self._known, self._rows = frozenset(), set(), []
        self._generation += 1
        self.floor.forget()

    def terms(self) -> Terms:
        """On which what is to be committed now may be handed over."""
        return Terms((list(self._shards), list(self._known), self.floor.id), self._generation)

    def queue(self, terms: Terms, written: Iterable[Sequence[object]], answer: Row) -> None:
        """Queue for the relay what was committed of these rows, of which the last columns are the outbox's, or have it look.

        `answer` is that of `HANDED_OVER`, which names no unknown rows at all where there were too many.
        """
        outdated = not self._shards or terms.generation != self._generation
        unknown: Sequence[int] | None = answer["unknown"]
        overtakes = unknown is None or not self._known.issuperset(unknown)
        if outdated or overtakes or len(self._rows) >= _MOST_WAITING:
            return self.nudge()
        placed: Mapping[str, int] = answer["placed"] or {}
        for row in written:
            message_id, shard, *what = row[-_COLUMNS:]
            if message_id not in placed:  # it was not committed, as by whom has lost its lease
                continue
            if shard in self._shards:
                self._add(OutboxRow(placed[message_id], *what))  # pyright: ignore[reportArgumentType] - as OUTBOX has them
            else:
                self.written = True
        self.wake.set()
        return None

    def _add(self, row: OutboxRow) -> None:
        if row.id not in self._known:
            self._known.add(row.id)
            self._rows.append(row)

    def next(self) -> list[OutboxRow]:
        """What was handed over and is to be sent next, also before what a look finds that begins now."""
        rows, self._rows = self._rows, []
        return rows

    def found(self, looked_up: Sequence[OutboxRow]) -> list[OutboxRow]:
        """What is to be sent after a look: what it found, and then what was handed over meanwhile and it did not see yet."""
        waiting = {row.id: row for row in self.next()}
        new = {row.id: row for row in looked_up if row.id in waiting or row.id not in self._known}
        self._known.update(new)
        return list((new | waiting).values())

    def refused(self, ids: Iterable[int]) -> None:
        """These were not sent, and stay in the table, where a look will find them; so do those that wait here, perhaps behind one."""
        self._known.difference_update(ids, [row.id for row in self.next()])
        self._generation += 1
        self.look_again()

    def deleted(self, ids: Iterable[int]) -> None:
        """These are in the table no more."""
        self._known.difference_update(ids)
