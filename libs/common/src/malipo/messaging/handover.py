"""Hands to the relay what this process has committed, so that it need not look for it in the table."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import NamedTuple

from malipo.messaging.pool import Row

_MOST_UNSEEN = 50


class OutboxRow(NamedTuple):
    """A message of the outbox, on its way to Kafka."""

    id: int
    topic: str
    key: str
    headers: Mapping[str, str]
    payload: bytes


@dataclass(frozen=True, slots=True, eq=False)
class Terms:
    """By what a unit is handed over: the shards that the relay here holds, and which of their rows it knew before the unit."""

    shards: AbstractSet[int]
    known: set[int]

    @property
    def arguments(self) -> tuple[Sequence[int], Sequence[int]]:
        """Of `returning`."""
        return list(self.shards), list(self.known)


def returning(first: int) -> str:
    """What the statement that ends with the insertion into the outbox returns. The terms' arguments are its number `first` and the next."""
    return f"""RETURNING id, message_id, ARRAY(
    SELECT id FROM outbox WHERE shard = ANY(${first}::smallint[]) AND id <> ALL(${first + 1}::bigint[]) LIMIT {_MOST_UNSEEN}
) AS unseen"""  # noqa: S608 - names of ours


class Handover:
    """Between those of a process who write to the outbox and its relay.

    The order of the table holds although rows pass by it: the statement that writes a row also answers which rows it saw that
    the relay does not know. What was committed before the row is among these, whoever wrote it; if there is one, nothing is
    handed over, and the relay looks. So it does for what was written by any other statement (`nudge`), and now and then.
    """

    def __init__(self) -> None:
        self.wake = asyncio.Event()
        """Set whenever there is something to do for the relay."""
        self.written = False
        """Whether others may hold the shard of something that was written here."""
        self.look = False
        """Whether the table has rows that are not known here, as far as anybody knows."""
        self._shards: AbstractSet[int] = frozenset()
        self._known: set[int] = set()
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
        self._known = set(self._known)  # another one: by terms from before nothing is handed over any more
        self.look_again()

    def let_go(self) -> None:
        """The relay holds nothing."""
        self._shards, self._known, self._rows = frozenset(), set(), []

    def terms(self) -> Terms | None:
        """By which a unit may be handed over that is to be committed now; None: nudge."""
        return Terms(self._shards, self._known) if self._shards else None

    def take(self, terms: Terms, written: Sequence[Sequence[object]], returned: Sequence[Row]) -> None:
        """These rows of the outbox are committed, and this was returned (`returning`)."""
        place_of = {row["message_id"]: row["id"] for row in returned}
        if terms.known is not self._known or set(returned[0]["unseen"]) - self._known:
            return self.nudge()
        for message_id, shard, *what in written:
            if shard in self._shards:
                self._add(OutboxRow(place_of[message_id], *what))  # pyright: ignore[reportArgumentType] - as OUTBOX has them
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
        """These were not sent, and stay in the table, where a look will find them."""
        self._known = self._known.difference(ids)

    def deleted(self, ids: Iterable[int]) -> None:
        """These are in the table no more."""
        self._known.difference_update(ids)
