"""Commits offsets of what was applied: after its transaction, and for many batches at once."""

import asyncio
from collections.abc import Mapping
from typing import Protocol

from aiokafka import TopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError

from malipo import clock
from malipo.platform.logs import log

_EVERY_SECONDS = 1.0
"""A commit is a request of its own, dearer than the messages of a batch. What a crash brings again the inbox drops."""
_COMMIT_SECONDS = 2.0
"""aiokafka tries for ever while Kafka is away: no other group, and no stop, may wait for that."""
_TOLERATED_SECONDS = 15.0
"""Longer than it takes to notice that Kafka is away, which is reported then, and once."""


class Consumer(Protocol):
    """The part of aiokafka's consumer that we use; aiokafka ships no types."""

    def assignment(self) -> frozenset[TopicPartition]:
        """The partitions that it holds now."""
        ...

    async def commit(self, offsets: Mapping[TopicPartition, int]) -> None:
        """Have Kafka remember where to go on."""
        ...


class Offsets:
    """How far each consumer of this process has come. The first batch after a pause is committed at once."""

    def __init__(self) -> None:
        self.problem: str | None = None
        """Why nothing could be committed for a while, else None."""
        self._applied: dict[Consumer, dict[TopicPartition, int]] = {}
        self._due = asyncio.Event()
        self._failing_since: float | None = None

    def applied(self, consumer: Consumer, offsets: Mapping[TopicPartition, int]) -> None:
        """What stands before these offsets need not come again.

        Positions are never committed: aiokafka's run ahead of what was applied, and stay there when a poll raises.
        """
        self._applied.setdefault(consumer, {}).update(offsets)
        self._due.set()

    async def settle(self) -> None:
        """Commit now, once: a rebalance is about to give partitions to others."""
        await self._commit()

    async def run(self) -> None:
        """Commit until cancelled, and once more then."""
        try:
            while True:
                await self._due.wait()
                self._due.clear()
                await self._commit()
                await asyncio.sleep(_EVERY_SECONDS)
        finally:
            await self._commit()
            self._applied = {}  # the next run has other consumers

    async def _commit(self) -> None:
        for consumer in list(self._applied):
            # One by one: a stop in the middle of one, which comes to its end, leaves the others to the last commit.
            offsets = self._applied.pop(consumer, {})
            held = {partition: offset for partition, offset in offsets.items() if partition in consumer.assignment()}
            try:
                async with asyncio.timeout(_COMMIT_SECONDS):
                    if held:
                        await consumer.commit(held)
            except CommitFailedError as error:
                # The group has moved on: whoever has these partitions now reads on from what was committed before, and
                # commits for himself.
                log.info("offsets not committed", error=repr(error))
            except (KafkaError, IllegalStateError, TimeoutError) as error:  # Kafka is away
                self._failed(repr(error))
                self._applied[consumer] = held | self._applied.get(consumer, {})
                self._due.set()
                continue
            self.problem = self._failing_since = None

    def _failed(self, error: str) -> None:
        log.debug("offsets not committed", error=error, retry_in_seconds=_EVERY_SECONDS)
        self._failing_since = self._failing_since or clock.monotonic()
        if clock.monotonic() - self._failing_since > _TOLERATED_SECONDS:
            self.problem = f"offsets are not committed: {error}"
