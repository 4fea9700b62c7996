"""Polls one consumer: what was fetched is applied or fetched again, and a partition that cannot be read rests alone."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from typing import Any

from aiokafka import ConsumerRebalanceListener, TopicPartition, errors

from malipo import clock
from malipo.messaging.batch_consumer import Stop
from malipo.messaging.kafka import Fenced
from malipo.messaging.losses import Losses
from malipo.messaging.membership import watch_partitions
from malipo.messaging.progress import Progress
from malipo.messaging.records import Record, summary
from malipo.platform import metrics
from malipo.platform.logs import log

_POLL_MS = 3000
_BESIDE_SUSPECTS_MS = 50
_BACK_SECONDS = 5.0
_PAUSE_SECONDS = 1.0
_PATIENCE_SECONDS = 3.0
"""Without a record for so long, a partition is no longer suspected: its records are polled with the others' again."""
_TRY_AGAIN_SECONDS = 5.0
"""A resting partition is read again so often: a codec may have been deployed, or an operator have stepped over."""
_REMIND_SECONDS = 300.0
_RENEW_AFTER_FAILURES = 30

_PASSING = (
    errors.GroupCoordinatorNotAvailableError,
    errors.GroupLoadInProgressError,
    errors.NotCoordinatorForGroupError,
)
"""As Kafka begins, or another broker takes over: told only if it lasts."""
_PASSING_POLLS = 5
_OF_THE_GROUP = (
    *_PASSING,
    Fenced,
    errors.GroupAuthorizationFailedError,
    errors.InconsistentGroupProtocolError,
    errors.InvalidGroupIdError,
    errors.InvalidSessionTimeoutError,
    errors.TopicAuthorizationFailedError,  # no record is at fault: there is nothing to step over
)

type SteppedOver = Callable[[TopicPartition, int], Awaitable[int | None]]
"""Where to go on when an operator has stepped over what stands at an offset, else None."""


@dataclass
class Rest:
    """A partition that is not read any further for now, from `offset` on, and why.

    `unread` when the record there raised out of the poll; else it was read, and is of a type that this release does not
    know: no further look helps, until an operator steps over it or another release runs.
    """

    offset: int
    reason: str
    again_at: float
    logged_at: float
    unread: bool = True


class Poll:
    """The polls of one consumer, one after the other: a batch that was not applied comes again instead of the next.

    aiokafka drops what it has drained when one partition raises, with its positions moved on; so after every exception
    each partition goes back to what was last applied. Then every partition is looked at alone, record by record: the
    one that raises there is paused and tried again every five seconds, and the others flow on.
    FastStream passes over what its parser or a handler raises, and would go on behind it.
    """

    def __init__(
        self,
        group: str,
        max_records: int,
        stepped_over: SteppedOver,
        applied: Callable[[Any, Mapping[TopicPartition, int]], None],
    ) -> None:
        """`applied` is called with the consumer and, by partition, the offset behind the last one applied."""
        self.group = group
        self.problem: str | None = None
        """Why nothing can be polled at all."""
        self.fenced = False
        self.failures = 0
        """Polls in a row that failed for a reason which is not one partition's."""
        self.losses = Losses(group)
        self.progress = Progress(group)
        self._max_records = max_records
        self._stepped_over = stepped_over
        self._applied = applied
        self._next: dict[TopicPartition, int] = {}
        self._placed: set[TopicPartition] = set()
        self._open: dict[TopicPartition, int] = {}
        self._astray: set[TopicPartition] = set()
        self._suspects: dict[TopicPartition, float] = {}
        self._looked = False
        self._resting: dict[TopicPartition, Rest] = {}

    @property
    def broken(self) -> bool:
        """Whether this consumer will not recover by itself, and a new one may."""
        return self.failures >= _RENEW_AFTER_FAILURES and not self.fenced

    @property
    def resting(self) -> list[str]:
        """Each partition that rests, where, why, and how to go on."""
        return [
            f"{partition.topic} {partition.partition} at offset {rest.offset}: {rest.reason}; step over it with "
            f"`{self._step_command(partition, rest.offset)}`"
            for partition, rest in self._resting.items()
        ]

    async def next(self, consumer: Any) -> tuple[Record, ...]:
        """The next records, as soon as there are any, or none after a while: what a subscriber's `get_msg` answers."""
        try:
            watch_partitions(consumer)
            await self._place(consumer)
            await self._go_back(consumer)
            await self._wake(consumer)
            self._pass_over_deleted(consumer)
            batches = await self._read(consumer)
        except errors.ConsumerStoppedError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, nothing that was drained may be lost
            await self._fail(consumer, error)
            return ()
        self.problem, self.failures, self.fenced = None, 0, False
        return self._opened(batches)

    def applied(self, consumer: Any, stops: Mapping[TopicPartition, Stop]) -> None:
        """The last batch need not come again, but for what stands behind these stops: such partitions rest there."""
        self._open |= {partition: stop.offset for partition, stop in stops.items()}
        self._next |= self._open
        self._applied(consumer, self._open)
        self._open = {}
        self._astray |= stops.keys()
        for partition, stop in stops.items():
            self._put_to_rest(consumer, partition, stop.reason, unread=False)

    def reset(self) -> None:
        """Begin anew, with a consumer that is new, too."""
        for partition in list(self._resting):
            self._end_rest(partition)
        self._open = {}
        self.problem, self.failures, self.fenced = None, 0, False
        self.reassigned()

    def reassigned(self) -> None:
        """Each partition is read on from what its group has committed."""
        self.progress.reassigned()
        self._next.clear()
        self._placed.clear()
        self._astray.clear()
        self._suspects.clear()

    def _opened(self, batches: Mapping[TopicPartition, Sequence[Record]]) -> tuple[Record, ...]:
        for partition, records in batches.items():
            expected = self._next.setdefault(partition, records[0].offset)
            self.losses.arrived(partition, expected=expected, offset=records[0].offset)
            self._open[partition] = records[-1].offset + 1
        return tuple(chain.from_iterable(batches.values()))

    async def _place(self, consumer: Any) -> None:
        """Know where the group stands in each partition that is new here, before aiokafka begins somewhere else."""
        if not (new := consumer.assignment() - self._placed):
            return
        async with asyncio.timeout(_BACK_SECONDS):
            committed = await asyncio.gather(*map(consumer.committed, new))
        self._next |= {
            partition: offset for partition, offset in zip(new, committed, strict=True) if offset is not None
        }
        self._placed |= new

    def _pass_over_deleted(self, consumer: Any) -> None:
        if behind := self.losses.report(self._next):
            self._next |= behind
            self._applied(consumer, behind)

    async def _go_back(self, consumer: Any) -> None:
        """Have each partition whose records were not applied read again from the first of them."""
        async with asyncio.timeout(_BACK_SECONDS):
            for partition in (self._astray | self._open.keys()) & consumer.assignment():
                await self._seek(consumer, partition)
        self._open = {}
        self._astray.clear()

    async def _seek(self, consumer: Any, partition: TopicPartition) -> None:
        with suppress(errors.IllegalStateError):  # it is another's by now, who goes on from what was committed
            if partition in self._next:
                return consumer.seek(partition, self._next[partition])
            await consumer.seek_to_beginning(partition)
            self._next[partition] = await consumer.position(partition)

    async def _wake(self, consumer: Any) -> None:
        """Suspect anew each partition that has rested long enough; a rebalance has ended the others' pause."""
        held, now = consumer.assignment(), clock.monotonic()
        self._suspects = {partition: since for partition, since in self._suspects.items() if partition in held}
        for partition in self._resting.keys() - held:
            self._end_rest(partition)
        for partition, rest in list(self._resting.items()):
            if partition in self._suspects:
                continue
            if now < rest.again_at:
                consumer.pause(partition)
            else:
                await self._try_again(consumer, partition, rest)

    async def _try_again(self, consumer: Any, partition: TopicPartition, rest: Rest) -> None:
        beyond = await self._stepped_over(partition, rest.offset)
        if rest.unread and beyond is not None:
            return self._step(consumer, partition, rest.offset, beyond)
        if not rest.unread and beyond is None:
            rest.again_at = clock.monotonic() + _TRY_AGAIN_SECONDS
            return consumer.pause(partition)
        await self._seek(consumer, partition)
        consumer.resume(partition)
        self._suspects[partition] = clock.monotonic()

    async def _read(self, consumer: Any) -> Mapping[TopicPartition, Sequence[Record]]:
        """Suspects first, but not twice in a row: one that heals with a backlog must not starve its neighbours."""
        if self._looked:
            self._looked = False
            if batches := await self._poll(consumer):
                return batches
        found = await self._look(consumer)
        self._looked = bool(found)
        return found or await self._poll(consumer)

    async def _look(self, consumer: Any) -> dict[TopicPartition, list[Record]]:
        """What can be read of the partitions that are suspected."""
        found: dict[TopicPartition, list[Record]] = {}
        left = self._max_records
        for partition in list(self._suspects):
            if left and (records := await self._look_at(consumer, partition, left)):
                found[partition] = records
                left -= len(records)
        return found

    async def _look_at(self, consumer: Any, partition: TopicPartition, limit: int) -> list[Record]:
        """One record at a time: what stands before one that cannot be read is taken, and that one's offset is known."""
        taken: list[Record] = []
        try:
            while len(taken) < limit and (got := await consumer.getmany(partition, max_records=1)):
                taken += got[partition]
        except errors.ConsumerStoppedError:
            raise
        except Exception as error:
            if _is_of_the_group(error):
                raise
            self._astray.add(partition)
            if not taken:
                await self._rest(consumer, partition, error)
            return taken
        if len(taken) < limit:
            self._clear(consumer, partition, taken)
        return taken

    def _clear(self, consumer: Any, partition: TopicPartition, taken: Sequence[Record]) -> None:
        now = clock.monotonic()
        if taken:
            self._suspects[partition] = now
            self._end_rest(partition)
        behind = taken[-1].offset + 1 if taken else self._next.get(partition, 0)
        end = consumer.highwater(partition)
        if (end is not None and behind >= end) or now - self._suspects[partition] > _PATIENCE_SECONDS:
            del self._suspects[partition]
            self._end_rest(partition)

    async def _poll(self, consumer: Any) -> dict[TopicPartition, list[Record]]:
        """The next records of every partition that is not suspected."""
        if not self._suspects:
            return await consumer.getmany(timeout_ms=_POLL_MS, max_records=self._max_records)
        others = consumer.assignment() - self._suspects.keys()
        if not others:
            await asyncio.sleep(_BESIDE_SUSPECTS_MS / 1000)
            return {}
        return await consumer.getmany(*others, timeout_ms=_BESIDE_SUSPECTS_MS, max_records=self._max_records)

    async def _fail(self, consumer: Any, error: Exception) -> None:
        """Remember that everything must go back, and whom to suspect."""
        held = consumer.assignment()
        self._astray |= held
        self._count(held)
        if _is_of_the_group(error):
            self.failures += 1
        else:
            self._suspects = dict.fromkeys(held - self._resting.keys(), clock.monotonic()) | self._suspects
        if isinstance(error, _PASSING) and self.failures <= _PASSING_POLLS:
            return await asyncio.sleep(_PAUSE_SECONDS)
        if self.problem != (problem := summary(error)):
            log.error("poll failed", group=self.group, error=problem)
        self.problem = problem
        self.fenced = isinstance(error, Fenced)
        await asyncio.sleep(_PAUSE_SECONDS if _is_of_the_group(error) or not held else _BESIDE_SUSPECTS_MS / 1000)
        return None

    async def _rest(self, consumer: Any, partition: TopicPartition, error: Exception) -> None:
        offset = self._next[partition]
        self._count([partition])
        if (beyond := await self._stepped_over(partition, offset)) is not None:
            return self._step(consumer, partition, offset, beyond)
        self._put_to_rest(consumer, partition, summary(error))

    def _put_to_rest(self, consumer: Any, partition: TopicPartition, reason: str, *, unread: bool = True) -> None:
        offset, now = self._next[partition], clock.monotonic()
        with suppress(errors.IllegalStateError):
            consumer.pause(partition)
        self._suspects.pop(partition, None)
        known = self._resting.get(partition)
        rest = Rest(offset, reason, now + _TRY_AGAIN_SECONDS, now, unread)
        if known is not None and known.offset == offset and now < known.logged_at + _REMIND_SECONDS:
            rest.logged_at = known.logged_at
        else:
            log.error(
                "partition rests",
                group=self.group,
                topic=partition.topic,
                partition=partition.partition,
                offset=offset,
                reason=rest.reason,
                step_over=self._step_command(partition, offset),
                retry_in_seconds=_TRY_AGAIN_SECONDS,
            )
        self._resting[partition] = rest
        self._show()

    def _step(self, consumer: Any, partition: TopicPartition, offset: int, beyond: int) -> None:
        log.warning(
            "record stepped over",
            group=self.group,
            topic=partition.topic,
            partition=partition.partition,
            offset=offset,
            next_offset=beyond,
        )
        self._next[partition] = beyond
        self._suspects.pop(partition, None)
        self._end_rest(partition)
        with suppress(errors.IllegalStateError):
            consumer.seek(partition, beyond)
            consumer.resume(partition)
        self._applied(consumer, {partition: beyond})

    def _end_rest(self, partition: TopicPartition) -> None:
        if rest := self._resting.pop(partition, None):
            log.info(
                "partition rests no longer",
                group=self.group,
                topic=partition.topic,
                partition=partition.partition,
                offset=rest.offset,
            )
            self._show()

    def _count(self, partitions: Iterable[TopicPartition]) -> None:
        for topic in {partition.topic for partition in partitions}:
            metrics.POLLS_FAILED.labels(self.group, topic).inc()

    def _show(self) -> None:
        resting = Counter(partition.topic for partition in self._resting)
        for topic in {partition.topic for partition in self._next} | resting.keys():
            metrics.RESTING.labels(self.group, topic).set(resting[topic])

    def _step_command(self, partition: TopicPartition, offset: int) -> str:
        where = f"{partition.topic} {partition.partition} {offset}"
        return f"python -m malipo.messaging.step_over {self.group} {where}"


class Rebalances(ConsumerRebalanceListener):
    """Hands on what a rebalance means to a poll; before it, what was applied is committed."""

    def __init__(self, poll: Poll, settle: Callable[[], Awaitable[None]]) -> None:
        self._poll = poll
        self._settle = settle

    async def on_partitions_revoked(  # pyright: ignore[reportIncompatibleMethodOverride] - aiokafka awaits either
        self,
        revoked: Iterable[TopicPartition],  # noqa: ARG002
    ) -> None:
        """All of them, before each rebalance."""
        await self._settle()

    def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:  # noqa: ARG002
        """All of them, after each rebalance."""
        self._poll.reassigned()


def _is_of_the_group(error: Exception) -> bool:
    """Whether an error is about the membership or a permission, and so none of one partition's.

    What aiokafka's background tasks end with comes as a plain `KafkaError`.
    """
    return isinstance(error, _OF_THE_GROUP) or type(error) is errors.KafkaError
